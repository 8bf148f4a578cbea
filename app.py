"""Home: what the app is, what to try first, and a card for each page."""

from __future__ import annotations

from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.home import home

page(
    "Home",
    "AlexNet, the network that made deep learning famous in 2012, on 70,000 small images of "
    f"clothing. {home.invitation()}, inspect every layer, and try it on your own images.",
    heading="Teach a network to recognize clothing",
)
home.hero()
home.next_step()
home.guide()
home.cards()
