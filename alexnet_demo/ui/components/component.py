"""Custom components and style sheets, loaded from the files beside a module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer


def register(name: str, module: str, *, isolate_styles: bool = True) -> ComponentRenderer:
    """Register the component whose NAME.js, NAME.css, and NAME.html are beside a module.

    The code and styles that components share come before its own. HTML and CSS are optional.

    Args:
        module: the module's ``__file__``.
        isolate_styles: put the component into a shadow root, so that only its own styles apply.

    Returns:
        The function that puts the component on the page.
    """
    stems = Path(__file__).with_name("shared"), Path(module).with_name(name)

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


def component_state(key: str, name: str) -> Any:
    """The value that a component last sent under a name; None before the first one.

    A browser can send anything, so callers validate it.
    """
    state = st.session_state.get(key)
    return state.get(name) if isinstance(state, Mapping) else None
