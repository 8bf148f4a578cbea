"""Results: what a network says of the 10,000 test pictures, and the pictures behind each number."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.ui import models, results
from alexnet_demo.ui.shell import page

page(
    "Results",
    "What the network says of the 10,000 test pictures, which no training has seen: how often it "
    "is right, what it mixes up, and the pictures behind each number.",
)
with st.container(horizontal=True, horizontal_alignment="distribute"):
    choice = st.container(width="content")
    classifier = models.picker()
if classifier:
    with choice:
        view = results.choose()
    models.caution(classifier)
    if seen := results.surveyed(classifier):
        results.totals(seen)
        results.VIEWS[view](seen)
