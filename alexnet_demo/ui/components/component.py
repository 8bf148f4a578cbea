"""What components are made of: the files beside their modules, and what they send."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st


def asset(module: str, name: str) -> str:
    """The text of a style sheet, script, or piece of HTML that lies beside a module.

    Args:
        module: the module's ``__file__``.
    """
    return Path(module).with_name(name).read_text(encoding="utf-8")


REVEAL = asset(__file__, "reveal.js")
"""JavaScript that components put before their own to scroll to what they select."""


def sent(key: str, name: str) -> Any:
    """What the component of that key last sent under a name, None where it has sent nothing yet.

    A browser can send anything, so whoever asks checks it.
    """
    state = st.session_state.get(key)
    return state.get(name) if isinstance(state, Mapping) else None
