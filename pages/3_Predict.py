"""Predict: draw, upload, photograph or pick a picture, and see what the network takes it for."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.ui import models, sources
from alexnet_demo.ui.shell import page

page("Predict", "Draw a piece of clothing, or show a picture of one, and see what it is taken for.")
with st.container(horizontal=True, horizontal_alignment="distribute"):
    choice = st.container(width="content")
    classifier = models.picker()
if classifier:
    with choice:
        show = sources.choose()
    models.caution(classifier)
    show(classifier)
