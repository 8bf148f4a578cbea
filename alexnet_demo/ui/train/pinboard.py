"""The pinned pictures: what is watched while networks learn."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.jobs import pinning
from alexnet_demo.runs import pins
from alexnet_demo.runs.pins import Pin
from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.models import datasets
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

_CHOSEN = "pins chosen"


def pinboard() -> None:
    """The pins of the next training, and of one that runs; nothing for visitors."""
    if not access.can_control():
        return
    found = {pin.id: pin for pin in pins.for_next_run()}
    with st.expander("Pinned pictures", icon=":material/push_pin:"):
        st.caption(
            f"What the network says of these {len(found)} is recorded all through a training, "
            "from the next moment on also in one that runs. Pin drawings, photos and mistakes with "
            "the pin on Predict and Results."
        )
        st.session_state[_CHOSEN] = list(found)
        st.multiselect(
            "Pinned",
            list(found),
            format_func=lambda i: _name(found[i]),
            key=_CHOSEN,
            placeholder="Nothing is pinned",
            label_visibility="collapsed",
            on_change=_take_off,
            args=(frozenset(found),),
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            number = st.number_input("Test picture", 0, TEST_SAMPLES - 1, key="pin number")
            if st.button("Pin it", icon=":material/push_pin:", key="pin test picture"):
                split, place = datasets.test_set(), int(number)
                pixels, label = split.images[place].numpy(), int(split.labels[place])
                outcome = pinning.pin(
                    Pin(f"Test picture {place}", pixels, label), role=access.role()
                )
                if outcome.done:
                    page.toast_next(outcome.message)
                    st.rerun()
                st.error(plain(outcome.message), icon=":material/error:")


def _name(pin: Pin) -> str:
    return pin.name if pin.label is None else f"{pin.name} ({CLASSES[pin.label]})"


def _take_off(before: frozenset[str]) -> None:
    for gone in before - set(st.session_state[_CHOSEN]):
        outcome = pinning.unpin(gone, role=access.role())
        if not outcome.done:
            st.toast(plain(outcome.message), icon=":material/error:")
