"""Tour: ten minutes from drawing through training to mistakes, on the real pages."""

from __future__ import annotations

from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.frame.page import page

tour.redirect()
page(
    "Tour",
    "Ten stops of about a minute each, from your first drawing to the model's mistakes. For one "
    "person or a class; no prior knowledge needed.",
)
tour.show()
