"""The page's state in its address: a link restores it, and so does a return to the page.

An address is read when its page opens and written from then on. It can hold anything, so callers
validate what they get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import streamlit as st

from alexnet_demo.ui.widgets.one_of import one_of

_PREFIX = "address "  # session state: each value, by its name in the address


def load(*names: str) -> None:
    """When a page opens: let the values in its address replace those of the session."""
    for name in names:
        if value := st.query_params.get(name):
            st.session_state[_PREFIX + name] = value


def get(name: str) -> str:
    """The current value of a name; empty if there is none."""
    return str(st.session_state.get(_PREFIX + name, ""))


def put(name: str, value: str) -> None:
    """Set a value, also in the address; an empty one removes its name from the address."""
    st.session_state[_PREFIX + name] = value
    if st.query_params.get(name, "") != value:
        if value:
            st.query_params[name] = value
        else:
            del st.query_params[name]


def hide_others(*names: str) -> None:
    """Leave only these of the values in the address; `get` still returns the others."""
    for name in st.query_params.to_dict().keys() - {*names}:
        if _PREFIX + name in st.session_state:
            del st.query_params[name]


def parse_index(text: str, count: int) -> int | None:
    """The whole number in [0, count) that a text denotes; None for any other text."""
    # Digits of other alphabets pass isdigit, and int refuses very long numbers.
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return None
    return int(text) if int(text) < count else None


def choice(
    label: str,
    options: Iterable[str],
    name: str,
    former: Mapping[str, str] | None = None,
    format_func: Callable[[str], str] = str,
) -> str:
    """Let the reader choose an option, and keep it in the address; the first one leaves no trace.

    Streamlit's own ``bind="query-params"`` does not serve: a page that uses it cannot be left by
    `st.switch_page`, and a link that names the first option changes nothing.

    Args:
        label: for screen readers.
        former: former names of options, which old links hold → their present ones.
        format_func: how an option is called on the page.
    """
    names = list(options)
    if name not in st.session_state:  # the page has just opened
        load(name)
        st.session_state[name] = (former or {}).get(get(name), get(name))
    selected = one_of(label, names, name, format_func=format_func, label_hidden=True)
    put(name, "" if selected == names[0] else selected)
    return selected
