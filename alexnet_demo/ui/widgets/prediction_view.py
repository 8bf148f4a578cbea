"""A prediction in words, with a bar for each of the most likely classes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from alexnet_demo.common.text import percent, whole_percent
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.component import style

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
    st.html(
        f'<div class="answer" role="status"><div class="intro">{intro}</div>'
        f'<div class="label">{escape(label)}</div><div class="note">{escape(note)}</div></div>'
        f'<div class="bars" role="list">{"".join(_bar(*row) for row in rows)}</div>'
    )


def with_article(name: str) -> str:
    """A class with its article, such as ``an Ankle boot``."""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def rounded_percent(probability: float) -> str:
    """A whole number of percent, but never 100%."""
    return whole_percent(min(probability, 0.999))


def _bar(name: str, probability: float) -> str:
    return (
        f'<span class="name">{escape(name)}</span><div class="track"><div class="bar" '
        f'style="width:{probability * 100:.2f}%;background:{CLASS_COLORS[name]}"></div></div>'
        f'<span class="percent">{percent(probability)}</span>'
    )
