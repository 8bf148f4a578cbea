"""The button that pins a picture, for any page."""

from __future__ import annotations

import numpy as np
import streamlit as st

from alexnet_demo.jobs import pinning
from alexnet_demo.runs import pins
from alexnet_demo.runs.pins import Pin
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

HELP = (
    "What every training says of a pinned picture is recorded as it learns: see *Watch it learn* "
    "on the Train page."
)
_OUTCOME = "pin outcome"  # session state: of the click that this run answers


def pin_button(pixels: np.ndarray, name: str, label: int | None = None) -> None:
    """Pin a picture on a click, or take it off again; nothing for visitors of a closed server.

    Args:
        pixels: as the network sees it, uint8 (side, side).
        name: what it is called; a number is added where another pin is called so.
        label: its class where that is known, 0 to 9.
    """
    if not access.can_control():
        return
    found = pins.for_next_run()
    picture = Pin(_unused(name, found), np.asarray(pixels), label)
    known = picture.id in {pin.id for pin in found}
    st.button(
        "Unpin" if known else "Pin",
        icon=":material/keep_off:" if known else ":material/push_pin:",
        key="pin picture",
        help=HELP,
        on_click=_unpin if known else _pin,
        args=(picture,),
    )
    if outcome := st.session_state.pop(_OUTCOME, None):
        icon = ":material/push_pin:" if outcome.done else ":material/error:"
        st.toast(plain(outcome.message), icon=icon)


def _unused(name: str, found: tuple[Pin, ...]) -> str:
    names = {pin.name for pin in found}
    numbered = (f"{name} {number}" for number in range(2, len(names) + 3))
    return name if name not in names else next(n for n in numbered if n not in names)


def _pin(picture: Pin) -> None:
    st.session_state[_OUTCOME] = pinning.pin(picture, role=access.role())


def _unpin(picture: Pin) -> None:
    st.session_state[_OUTCOME] = pinning.unpin(picture.id, role=access.role())
