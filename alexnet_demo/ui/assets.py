"""What components are made of, the files of the folder ``frontend``, and what they send."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

_FRONTEND = Path(__file__).parent / "frontend"


def asset(name: str) -> str:
    """The text of a style sheet, a script or a piece of HTML."""
    return (_FRONTEND / name).read_text(encoding="utf-8")


def sent(key: str, name: str) -> Any:
    """What the component of that key last sent under a name, None where it has sent nothing yet.

    A browser can send anything, so whoever asks checks it.
    """
    state = st.session_state.get(key)
    return state.get(name) if isinstance(state, Mapping) else None
