"""A prediction in words, with a bar for each of the most likely classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from alexnet_demo.common.text import percent, whole_percent
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.component import render, style

TOP = 5  # classes that have a bar


def show_labeled(probabilities: np.ndarray, truth: str) -> None:
    """A prediction, float (10,), for an image whose class is known."""
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    rows = [(CLASSES[i], float(probabilities[i])) for i in order]
    name, probability = rows[0]
    note = "Correct" if name == truth else f"Incorrect: labeled {with_article(truth)}"
    label = f"{with_article(name)} ({rounded_percent(probability)})"
    show_prediction("Predicted as", label, note, rows)


def show_prediction(intro: str, label: str, note: str, rows: Sequence[tuple[str, float]]) -> None:
    """Three lines of text, and a bar for each class with its probability."""
    style(__file__)
    bars = [(name, probability, CLASS_COLORS[name]) for name, probability in rows]
    st.html(render(__file__, intro=intro, label=label, note=note, bars=bars, percent=percent))


def with_article(name: str) -> str:
    """A class with its article, such as ``an Ankle boot``."""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def rounded_percent(probability: float) -> str:
    """A whole number of percent, but never 100%."""
    return whole_percent(min(probability, 0.999))
