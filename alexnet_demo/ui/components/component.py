"""Custom components, style sheets, and HTML templates, loaded from the files beside a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.runtime.state import session_state

from alexnet_demo.common.templates import environment

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer
    from streamlit.proto.WidgetStates_pb2 import WidgetState

_UI = Path(__file__).parents[1]
_TEMPLATES = environment(_UI, autoescape=True)


_unpack = getattr(session_state, "unpack_widget_state_value", None)


def _unpack_or_none(widget_state: WidgetState) -> Any:
    """What a browser sent as a widget's state; None if it cannot be parsed."""
    try:
        return _unpack(widget_state) if _unpack else None
    except (ValueError, RecursionError):
        return None


# Streamlit parses the state of components where no page can catch an error: JSON that is nested
# 100,000 deep would show a traceback on every rerun. The name is private to Streamlit; without it
# the pages still work, and a test fails.
if _unpack:
    session_state.unpack_widget_state_value = _unpack_or_none


def register(
    name: str, module: str, *, parts: Sequence[str] = (), isolate_styles: bool = True
) -> ComponentRenderer:
    """Register the component whose NAME.js, NAME.css, and NAME.html are beside a module.

    The code and styles that components share come before its own. HTML and CSS are optional.

    Args:
        module: the module's ``__file__``.
        parts: further files beside the module, by name, whose code goes before the component's.
        isolate_styles: put the component into a shadow root, so that only its own styles apply.

    Returns:
        The function that puts the component on the page.
    """
    own = (Path(module).with_name(part) for part in (*parts, name))
    stems = Path(__file__).with_name("shared"), *own

    def text(suffix: str) -> str:
        files = [stem.with_suffix(suffix) for stem in stems]
        return "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())

    return st.components.v2.component(
        f"alexnet_demo.{name}",
        html=text(".html") or None,
        css=text(".css"),
        js=text(".js"),
        isolate_styles=isolate_styles,
    )


def style(module: str) -> None:
    """Apply the style sheet beside a module, which has the module's name.

    Args:
        module: the module's ``__file__``.
    """
    st.html(Path(module).with_suffix(".css"))


def render(module: str, **values: Any) -> str:
    """Fill in the Jinja template beside a module, which has the module's name; text is escaped.

    Args:
        module: the module's ``__file__``.
    """
    file = Path(module).with_suffix(".jinja").relative_to(_UI)
    return _TEMPLATES.get_template(file.as_posix()).render(values)


def component_state(key: str, name: str) -> Any:
    """The value that a component last sent under a name; None before the first one.

    A browser can send anything, so callers validate it.
    """
    state = st.session_state.get(key)
    return state.get(name) if isinstance(state, Mapping) else None


def parse_cell(value: Any, shape: Sequence[int]) -> tuple[int, int] | None:
    """Row and column within a grid; None for anything else that a browser may send."""
    try:
        row, column = (int(index) for index in value)
    except (TypeError, ValueError, OverflowError):
        return None
    return (row, column) if row in range(shape[0]) and column in range(shape[1]) else None
