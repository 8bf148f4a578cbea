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
    on_change: Callable[[], None] = lambda: None,
) -> T:
    """Let the reader choose one of the options; the first one unless the session has another.

    While a page is drawn anew, the browser can report that nothing is selected, even if the control
    requires a selection. The option that was selected before stays so then.

    Args:
        label: for screen readers only, if hidden.
        key: of the selected option in the session state.
        format_func: how an option is called on the page.
        on_change: called once the reader has selected another option.
    """
    last = f"{key} selected last"

    def changed() -> None:
        if st.session_state[key] is not None:
            on_change()

    selected = st.session_state.get(key, options[0])
    if selected is None:
        selected = st.session_state.get(last)
    if selected not in options:
        selected = options[0]
    st.session_state[last] = selected
    if st.session_state.get(key) != selected:  # a value set here would override a click meanwhile
        st.session_state[key] = selected
    st.segmented_control(
        label,
        options,
        key=key,
        format_func=format_func,
        label_visibility="collapsed" if label_hidden else "visible",
        on_change=changed,
        required=True,
    )
    return selected
