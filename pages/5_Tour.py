"""Tour: from drawing through training to mistakes, on the real pages; and the class view."""

from __future__ import annotations

from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.frame.stops import MINUTES, STOPS

tour.redirect()
page(
    "Tour",
    f"{len(STOPS)} stops, about {MINUTES} minutes, from your first drawing to what a prediction is "
    "worth. For one person or a class; no prior knowledge needed.",
)
tour.show()
