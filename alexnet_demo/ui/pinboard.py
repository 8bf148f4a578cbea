"""The pinned pictures: what is watched while networks learn."""

from __future__ import annotations

import streamlit as st

from alexnet_demo import jobs, pins
from alexnet_demo.config import CLASSES, TEST_SAMPLES
from alexnet_demo.pins import Pin
from alexnet_demo.ui import shell, sources
from alexnet_demo.ui.wording import plain

_CHOSEN = "pins chosen"


def pinboard() -> None:
    """The pins of the next training, and of one that runs."""
    found = {pin.id: pin for pin in pins.of_next_run()}
    with st.expander(f"Pinned pictures: {len(found)}", icon=":material/push_pin:"):
        st.caption(
            "What the network says of these is recorded all through a training. Pin drawings, "
            "photos and mistakes with the pin on Predict and Results."
        )
        st.session_state[_CHOSEN] = list(found)
        chosen = st.multiselect(
            "Pinned",
            list(found),
            format_func=lambda i: _name(found[i]),
            key=_CHOSEN,
            placeholder="Nothing is pinned",
            label_visibility="collapsed",
        )
        for taken_off in set(found) - set(chosen):
            _tell(jobs.unpin(taken_off))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            number = st.number_input("Test picture", 0, TEST_SAMPLES - 1, key="pin number")
            if st.button("Pin it", icon=":material/push_pin:", key="pin test picture"):
                split = sources.test_set()
                pixels, label = split.images[int(number)].numpy(), int(split.labels[int(number)])
                _tell(jobs.pin(Pin(f"Test picture {number}", pixels, label)))


def _name(pin: Pin) -> str:
    return pin.name if pin.label is None else f"{pin.name} ({CLASSES[pin.label]})"


def _tell(outcome: jobs.Outcome) -> None:
    """Say what came of it, and show it."""
    if outcome.done:
        shell.toast_next(outcome.message)
        st.rerun()
    st.error(plain(outcome.message), icon=":material/error:")
