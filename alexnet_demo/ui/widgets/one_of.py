"""A control in which one option is always selected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

T = TypeVar("T")


def one_of(
    label: str,
    options: Sequence[T],
    key: str,
    *,
    format_func: Callable[[T], str] = str,
    label_hidden: bool = False,
) -> T:
    """Let the reader choose one of the options; the first one unless the session has another.

    While a page is drawn anew, the browser can report that nothing is selected, even if the control
    requires a selection. The first option is selected then, too.

    Args:
        label: for screen readers only, if hidden.
        key: of the selected option in the session state.
        format_func: how an option is called on the page.
    """
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[0]
    selected = st.segmented_control(
        label,
        options,
        key=key,
        format_func=format_func,
        label_visibility="collapsed" if label_hidden else "visible",
        required=True,
    )
    return options[0] if selected is None else selected
