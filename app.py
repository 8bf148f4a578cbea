"""Home: what this is, what is there to try it with, and where to go."""

from __future__ import annotations

from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.home import home

page(
    "Home",
    "AlexNet, the network that made deep learning famous in 2012, on 70,000 small pictures of "
    f"clothes. {home.invitation()}, look at every layer, and try it on your own pictures.",
    heading="Teach a network to tell clothes apart",
)
home.hero()
home.next_step()
home.guide()
home.cards()
