"""The pinned images, on which each run records its predictions."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.jobs import actions
from alexnet_demo.runs import pins
from alexnet_demo.runs.pins import Pin
from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.models import datasets
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

_SELECTED = "pins chosen"  # session state: ids in the multiselect


def pinboard() -> None:
    """Add and remove pins of the next run and of active ones; hidden from visitors."""
    if not access.can_control():
        return
    pinned = {pin.id: pin for pin in pins.for_next_run()}
    with st.expander("Pinned images", icon=":material/push_pin:"):
        st.caption(
            f"Each run records its predictions for these {len(pinned)} images. A run in training "
            "picks up changes at its next snapshot. Pin drawings, photos, and misclassified test "
            "images on Predict and Results."
        )
        st.session_state[_SELECTED] = list(pinned)
        st.multiselect(
            "Pinned",
            list(pinned),
            format_func=lambda pin_id: _label(pinned[pin_id]),
            key=_SELECTED,
            placeholder="No pinned images",
            label_visibility="collapsed",
            on_change=_unpin,
            args=(frozenset(pinned),),
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            index = int(st.number_input("Test image", 0, TEST_SAMPLES - 1, key="pin number"))
            if st.button("Pin", icon=":material/push_pin:", key="pin test picture"):
                test = datasets.test_set()
                pixels, label = test.images[index].numpy(), int(test.labels[index])
                pin = Pin(f"Test image {index}", pixels, label)
                page.show_outcome(actions.pin(pin, role=access.role()))


def _label(pin: Pin) -> str:
    return pin.name if pin.label is None else f"{pin.name} ({CLASSES[pin.label]})"


def _unpin(before: frozenset[str]) -> None:
    for pin_id in before - set(st.session_state[_SELECTED]):
        outcome = actions.unpin(pin_id, role=access.role())
        if not outcome.done:
            st.toast(plain(outcome.message), icon=":material/error:")
