"""The button that pins an image, for any page, and what pins are for until one is used."""

from __future__ import annotations

from itertools import chain, count

import numpy as np
import streamlit as st

from alexnet_demo.jobs import actions
from alexnet_demo.runs import pins
from alexnet_demo.runs.pins import Pin
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

_OUTCOME = "pin outcome"  # session state: of the last click
_USED = "pin used"  # session state: whether this visitor has pinned an image
_PURPOSE = (
    "Each run records how its prediction for pinned images changes: see *Training replay* on Train."
)


def pin_button(pixels: np.ndarray, name: str, label: int | None = None) -> None:
    """A button that pins an image, or unpins it; nothing for visitors of a read-only server.

    Args:
        pixels: the network's view of the image, uint8 (side, side).
        name: what to call it; a number is added if another pin has the same name.
        label: its class if known, 0 to 9.
    """
    if not access.can_control():
        return
    others = pins.for_next_run()
    names = {pin.name for pin in others}
    candidates = chain([name], (f"{name} {number}" for number in count(2)))
    pin = Pin(next(n for n in candidates if n not in names), np.asarray(pixels), label)
    pinned = pin.id in {other.id for other in others}
    explain = not st.session_state.get(_USED)
    st.button(
        "Unpin" if pinned else "Pin",
        icon=":material/keep_off:" if pinned else ":material/push_pin:",
        key="pin picture",
        help=None if explain else _PURPOSE,
        on_click=_toggle,
        args=(pin, pinned),
    )
    if explain:
        st.caption(f"Pin this image to follow it. {_PURPOSE}")
    if outcome := st.session_state.pop(_OUTCOME, None):
        icon = ":material/push_pin:" if outcome.done else ":material/error:"
        st.toast(plain(outcome.message), icon=icon)


def _toggle(pin: Pin, pinned: bool) -> None:
    role, st.session_state[_USED] = access.role(), True
    st.session_state[_OUTCOME] = (
        actions.unpin(pin.id, role=role) if pinned else actions.pin(pin, role=role)
    )
