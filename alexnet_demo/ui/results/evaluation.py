"""A network that was asked about the whole test set, as the Results page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.errors import DataError
from alexnet_demo.inference.predictions import Results
from alexnet_demo.ui.models import background, datasets, model_loading, passes
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.inference.embedding import Embedding


@dataclass(frozen=True)
class Surveyed:
    """A network and what it says of the test pictures.

    Attributes:
        results: its answers.
        atlas: where the pictures lie for it.
    """

    classifier: Classifier
    results: Results
    atlas: Embedding


def surveyed(option: model_loading.Option, classifier: Classifier) -> Surveyed | None:
    """What a network says of the test set; None while it is asked, after saying so.

    Args:
        option: what was chosen, for its name.
        classifier: the network of that choice.
    """
    survey = passes.evaluate_test_set(classifier)
    if survey.result:
        try:
            datasets.test_set()  # the views show its pictures
        except DataError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return None
        return Surveyed(classifier, *survey.result)
    asked = f"Asking “{plain(option.label)}” about every test picture"
    background.show_progress(survey, asked)
    return None
