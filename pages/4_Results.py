"""Results: a model's predictions for the test set, and the images behind each number."""

from __future__ import annotations

from functools import partial

from alexnet_demo.ui.frame.page import page
from alexnet_demo.ui.models import model_loading, model_picker
from alexnet_demo.ui.results import views
from alexnet_demo.ui.results.evaluation import evaluate

page(
    "Results",
    "The model on the 10,000 test images, on which no weight was trained: how often it is right, "
    "which classes it confuses, and the images behind each number.",
)
if selection := model_picker.show_beside(views.choose):
    classifier, view = selection
    evaluate(model_loading.selected(), classifier, partial(views.show, view))
