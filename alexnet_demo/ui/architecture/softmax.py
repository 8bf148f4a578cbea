"""From logits to probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from alexnet_demo.common.text import probability
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.ui.architecture.layer_views import ViewedModel, activations_of
from alexnet_demo.ui.components.component import render, style

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Layer


def show_softmax(layer: Layer, model: ViewedModel, image: np.ndarray, key: str) -> None:
    """Each class's logit, its exponential at the reader's temperature, and its probability."""
    logits = activations_of(model, image)["fc8"]
    temperature = _choose_temperature(model, key)
    exponentials = ((logits - logits.max()) / temperature).exp()
    total = float(exponentials.sum())
    style(__file__)
    rows = zip(CLASS_COLORS.items(), logits.tolist(), exponentials.tolist(), strict=True)
    st.html(render(__file__, rows=rows, total=total, probability=probability))
    st.caption(
        "Softmax: each logit is divided by the temperature T and exponentiated; dividing by the "
        f"sum, here {total:.4f}, gives the probabilities. (Subtracting the maximum changes nothing "
        "but avoids overflow.) A high temperature evens the probabilities out, a low one favors "
        "the largest. Their order never changes."
    )


def _choose_temperature(model: ViewedModel, key: str) -> float:
    """Let the reader choose a temperature; initially the one that Predict uses."""
    fitted = model.temperature
    initial = round(fitted, 2)
    temperature = st.slider(
        "Temperature",
        *(min(0.1, initial), max(5.0, initial), initial, 0.01),
        key=f"temperature {key} {model.id}",
    )
    if fitted == 1:
        text = "Starts at 1 (no change): no temperature was fitted for this model."
    else:
        text = (
            f"Starts at {initial:.2f}, which was fitted on validation images so that a confidence "
            "of 90% is correct nine times out of ten. Predict and Results use it."
        )
    st.caption(text)
    return fitted if temperature == initial else float(temperature)
