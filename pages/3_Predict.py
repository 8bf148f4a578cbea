"""Predict: draw, upload, photograph, or pick an image, and see the prediction."""

from __future__ import annotations

from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.models import model_picker
from alexnet_demo.ui.predict import sources
from alexnet_demo.ui.widgets.glossary import explain

page("Predict", "Draw or upload clothing and see the prediction.")
if selection := model_picker.show_beside(sources.choose, live=True):
    classifier, show_source = selection
    show_source(classifier)
    explain(
        "How to read the prediction",
        *("Why images are preprocessed", "What the percentages mean", "When to trust them"),
    )
