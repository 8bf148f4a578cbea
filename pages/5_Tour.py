"""Tour: ten minutes from drawing to training to mistakes, on the real pages."""

from __future__ import annotations

from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.frame.page import page

tour.lead_on()
page(
    "Tour",
    "Ten stops of about a minute each, from your first drawing to the network's mistakes. Alone "
    "or with a class; nothing has to be known beforehand.",
)
tour.show()
