"""A prediction in words, with a bar for each of the most likely classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from alexnet_demo.common import text
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.settings.article import CLASS_PHRASES, CLASSES
from alexnet_demo.ui.components.component import render, style

TOP = 5  # classes that have a bar


def show_labeled(probabilities: np.ndarray, truth: str) -> None:
    """A prediction, float (10,), for an image whose class is known."""
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    rows = [(CLASSES[i], float(probabilities[i])) for i in order]
    note = "Correct" if rows[0][0] == truth else f"Incorrect: labeled as {CLASS_PHRASES[truth]}"
    show_prediction("Predicted as", phrase(*rows[0]), note, rows)


def show_prediction(intro: str, label: str, note: str, rows: Sequence[tuple[str, float]]) -> None:
    """Three lines of text, and a bar for each class with its probability."""
    style(__file__)
    bars = [(name, probability, CLASS_COLORS[name]) for name, probability in rows]
    st.html(render(__file__, intro=intro, label=label, note=note, bars=bars, text=text.probability))


def phrase(name: str, probability: float) -> str:
    """A class in a sentence, such as ``an ankle boot (93.4%)``."""
    return f"{CLASS_PHRASES[name]} ({text.probability(probability)})"
