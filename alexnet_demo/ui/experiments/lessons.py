"""The lessons of the Experiments page; only the chosen one is imported."""

from __future__ import annotations

from importlib import import_module

import streamlit as st

from alexnet_demo.ui.widgets import query_params

LESSONS = {"Twin runs": "twin_runs", "One step": "one_step", "Convolution": "convolution"}
"""Module in this package by name; the first one opens if the address names none."""
_LESSON = "lesson"  # in the address and the session state


def show() -> None:
    """Let the reader choose a lesson, and show it."""
    opened = _LESSON not in st.session_state
    former = query_params.get(_LESSON)
    name = query_params.choice("Lesson", LESSONS, _LESSON)
    if not opened and query_params.get(_LESSON) != former:
        query_params.hide_others(_LESSON)
    import_module(f"{__package__}.{LESSONS[name]}").show()
