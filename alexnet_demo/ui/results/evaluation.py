"""A model's evaluation on the test set, as the views of the Results page take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.errors import DataError
from alexnet_demo.inference.predictions import Results
from alexnet_demo.ui.models import background, datasets, passes
from alexnet_demo.ui.models.model_loading import Option
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.inference.embedding import Embedding


@dataclass(frozen=True)
class Evaluation:
    """A model, its predictions for the test set, and its embedding of it."""

    classifier: Classifier
    results: Results
    embedding: Embedding


def evaluate(option: Option, classifier: Classifier) -> Evaluation | None:
    """Evaluate the model of an option; None while that runs, after showing the progress."""
    job = passes.evaluate_test_set(classifier)
    if job.result is None:
        background.show_progress(job, f"Running “{plain(option.label)}” on all 10,000 test images")
        return None
    try:
        datasets.test_set()  # the views show its images
    except DataError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    return Evaluation(classifier, *job.result)
