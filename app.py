"""Home: what the app is, what to try first, and a card for each page."""

import streamlit as st

from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.home import home
from alexnet_demo.ui.widgets import access, sample_images

invitation = "Train it on your own machine" if access.can_control() else "Watch how it learns"
page(
    "Home",
    "AlexNet, the network that made deep learning famous in 2012, on 70,000 small images of "
    f"clothing. {invitation}, inspect every layer, and try it on your own images.",
    heading="Teach a network to recognize clothing",
)
if sample_strip := sample_images.class_strip():
    st.html(sample_strip)
home.next_step()
home.guide()
home.cards()
