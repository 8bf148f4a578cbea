"""TODO docstring."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from alexnet_demo.common.text import percent, whole_percent
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.component import style

if TYPE_CHECKING:  # both import torch
    pass

TOP = 5


def verdict(probabilities: np.ndarray, truth: str) -> None:
    """What was said of a picture whose class is known, and a bar for the likeliest classes.

    Args:
        probabilities: (10,), in the order of the classes.
    """
    order = np.argsort(-probabilities, kind="stable")[:TOP]
    rows = [(CLASSES[i], float(probabilities[i])) for i in order]
    name, probability = rows[0]
    note = "Right" if name == truth else f"Wrong: it is labelled {a(truth)}"
    _answer("It says", f"{a(name)} ({about(probability)})", note, rows)


def _answer(says: str, label: str, note: str, rows: Sequence[tuple[str, float]]) -> None:
    """Words, and a bar for each class with its probability."""
    style(__file__)
    st.html(
        f'<div class="answer" role="status"><div class="says">{says}</div>'
        f'<div class="label">{html.escape(label)}</div>'
        f'<div class="note">{html.escape(note)}</div></div>'
        f'<div class="bars" role="list">{"".join(_bar(*row) for row in rows)}</div>'
    )


def a(name: str) -> str:
    """A class with its article, such as ``an Ankle boot``."""
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def about(probability: float) -> str:
    """A probability in whole percent, but never 100%."""
    return whole_percent(min(probability, 0.999))


def _bar(name: str, probability: float) -> str:
    return (
        f'<span class="name">{html.escape(name)}</span><div class="track"><div class="bar" '
        f'style="width:{probability * 100:.2f}%;background:{CLASS_COLORS[name]}"></div></div>'
        f'<span class="percent">{percent(probability)}</span>'
    )
