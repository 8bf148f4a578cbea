"""A model's evaluation on the test set, as the views of the Results page take it."""

from __future__ import annotations

from collections.abc import Callable
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


PANEL_LINK = "results link"  # session state: the last ``?picture=`` that opened the panel


def reopen_panel() -> None:
    """Let the next rerun of the page, which closes the panel of an image, open it again."""
    st.session_state.pop(PANEL_LINK, None)


@dataclass(frozen=True)
class Evaluation:
    """A model, its predictions for the first images of the test set, and its embedding of it.

    Attributes:
        embedding: None until the predictions are complete.
    """

    classifier: Classifier
    results: Results
    embedding: Embedding | None


def evaluate(option: Option, classifier: Classifier, show: Callable[[Evaluation], object]) -> None:
    """Evaluate the model of an option, and show its evaluation.

    Until it is complete, with the progress, and again each time that more images are processed.
    """
    try:
        datasets.test_set()  # the views show its images
    except DataError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    job = passes.evaluate_test_set(classifier)
    if job.result is not None:
        show(Evaluation(classifier, *job.result))
        return
    background.show_progress(
        job,
        f"Running “{plain(option.label)}” on the test images",
        reopen_panel,
        lambda partial: show(Evaluation(classifier, *partial)),
    )
