"""What a page shows, kept in its address: a link brings it back, and so does a return to the page.

The address is read when a page opens and written as its reader goes on. Anything can stand in an
address, so whoever asks for a value checks it.
"""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

_KEPT = "kept "  # session state: each value by its name in the address


def read(*names: str) -> None:
    """On a page's opening: what its address says takes the place of what was kept."""
    for name in names:
        if value := st.query_params.get(name):
            st.session_state[_KEPT + name] = value


def kept(name: str) -> str:
    """The value of that name, from the address or since; empty where there is none."""
    return str(st.session_state.get(_KEPT + name, ""))


def whole(text: str, below: int) -> int | None:
    """The whole number from 0 that a text says, None where it says none or one not below."""
    # Other alphabets' digits pass for digits, and very long numbers are an error.
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return None
    return int(text) if int(text) < below else None


def keep(name: str, value: str) -> None:
    """Keep a value, in the address, too; an empty one takes its name out of the address."""
    st.session_state[_KEPT + name] = value
    if st.query_params.get(name, "") != value:
        if value:
            st.query_params[name] = value
        else:
            del st.query_params[name]


def choice(label: str, options: Iterable[str], name: str) -> str:
    """Some words to choose one of, which the address holds under a name; the first goes unsaid.

    Streamlit's own binding of widgets to the address is not used: a page that has one cannot be
    left by `st.switch_page`, and a link that names the first option changes nothing.
    """
    words = list(options)
    if name not in st.session_state:  # the page was opened just now
        read(name)
        st.session_state[name] = kept(name) if kept(name) in words else words[0]
    chosen = (
        st.segmented_control(label, words, key=name, label_visibility="collapsed", required=True)
        or words[0]
    )
    keep(name, "" if chosen == words[0] else chosen)
    return chosen
