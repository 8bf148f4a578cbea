"""Results: what a network says of the 10,000 test pictures, and the pictures behind each number."""

from __future__ import annotations

from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.models import model_loading, model_picker
from alexnet_demo.ui.results import views
from alexnet_demo.ui.results.evaluation import surveyed
from alexnet_demo.ui.widgets.glossary import explain

page(
    "Results",
    "What the network says of the 10,000 test pictures, which no training has seen: how often it "
    "is right, what it mixes up, and the pictures behind each number.",
)
if chosen := model_picker.show_beside(views.choose):
    classifier, view = chosen
    if seen := surveyed(model_loading.selected(), classifier):
        views.totals(seen)
        if view in views.EXPLAINED:
            explain(views.EXPLAINED[view])
        views.VIEWS[view](seen)
