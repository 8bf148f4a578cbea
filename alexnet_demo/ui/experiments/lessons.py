"""The lessons of the Experiments page; only the chosen one is imported."""

from __future__ import annotations

from importlib import import_module

from alexnet_demo.ui.widgets import query_params

LESSONS = {"Twin runs": "twin_runs", "One step": "one_step", "Convolution": "convolution"}
"""Module in this package by name; the first one opens if the address names none."""


def show() -> None:
    """Let the reader choose a lesson, and show it."""
    name = query_params.choice("Lesson", LESSONS, "lesson")
    import_module(f"{__package__}.{LESSONS[name]}").show()
