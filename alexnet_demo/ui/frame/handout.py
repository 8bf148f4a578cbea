"""The tour on paper: tasks and questions to print, and the answers on a page of their own."""

from __future__ import annotations

from alexnet_demo.ui.components.component import render
from alexnet_demo.ui.frame.stops import MINUTES, STOPS


def html() -> str:
    """A web page that prints without the app."""
    return render(__file__, stops=STOPS, minutes=MINUTES)
