"""Predict: draw, upload, photograph or pick a picture, and see what the network takes it for."""

from __future__ import annotations

from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.models import model_picker
from alexnet_demo.ui.predict import sources
from alexnet_demo.ui.widgets.glossary import explain

page("Predict", "Draw a piece of clothing, or show a picture of one, and see what it is taken for.")
if chosen := model_picker.show_beside(sources.choose, live=True):
    classifier, show = chosen
    show(classifier)
    explain(
        "How to read the answer",
        *("Why the picture is prepared", "What the percentages mean", "When to believe them"),
    )
