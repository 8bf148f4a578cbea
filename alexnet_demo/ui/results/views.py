"""The views of the Results page: figures over the test set, and the images behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from plotly.graph_objects import Figure

from alexnet_demo.common.text import percent
from alexnet_demo.figures.results import calibration_figure, coverage_figure
from alexnet_demo.inference.predictions import Results, class_scores
from alexnet_demo.settings.article import ARTICLE_TEST_ACCURACY, CLASSES, TEST_SAMPLES
from alexnet_demo.ui.components.component import component_state, parse_cell, register
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.results.distinct_units import show_distinct_units
from alexnet_demo.ui.results.embedding_map import embedding_map
from alexnet_demo.ui.results.evaluation import Evaluation, evaluate
from alexnet_demo.ui.results.test_images import show_gallery
from alexnet_demo.ui.widgets import access, query_params
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import sections

View = Callable[[Evaluation], None]
CAPTIONS = sections(Path(__file__).with_suffix(".md"))
"""Captions of views and figures, by title."""
THRESHOLDS = np.linspace(0, 0.99, 100)
_CELL = "results cell"
_matrix = register("matrix", __file__)


def choose() -> str:
    """Let the reader choose a view; only that one is computed and shown."""
    return query_params.choice("View", VIEWS, "show", FORMER_NAMES)


def show(view: str, evaluation: Evaluation) -> None:
    """The totals, and the chosen view with its explanation."""
    if evaluation.embedding is None:
        count = len(evaluation.results.labels)
        st.markdown(f"Below: the **first {count:,}** of {TEST_SAMPLES:,} test images.")
    _totals(evaluation.results)
    if view in TOPICS:
        explain(TOPICS[view])
    if view in CAPTIONS:
        st.caption(CAPTIONS[view])
    VIEWS[view](evaluation)


def _totals(results: Results) -> None:
    metric = partial(st.metric, width=165)  # two fit side by side on a phone
    with st.container(horizontal=True):
        metric(
            "Test accuracy",
            percent(results.accuracy, 2),
            help="Share of test images classified correctly. The article reached "
            f"{percent(ARTICLE_TEST_ACCURACY[-1], 2)}.",
        )
        mistakes, total = int((~results.correct).sum()), len(results.labels)
        metric("Mistakes", f"{mistakes:,}", help=f"Of {total:,} images.")
        metric(
            "Mean confidence",
            percent(float(results.confidence.mean(dtype=np.float64))),
            help="Mean probability of the predicted class. It equals the accuracy if the model is "
            "well calibrated.",
        )
        metric(
            "Calibration error",
            percent(results.calibration_error(), 2),
            help="Expected calibration error: the average gap between confidence and accuracy.",
        )


def _confusion(evaluation: Evaluation) -> None:
    results = evaluation.results
    cell = _cell(component_state(_CELL, "cell"), results)
    result = _matrix(
        data={"classes": list(CLASSES), "counts": results.confusion.tolist(), "cell": cell},
        default={"cell": cell},
        key=_CELL,
        on_cell_change=lambda: None,
    )
    true, guess = _cell(result.cell, results)
    numbers = results.cell(true, guess)
    outcome = "classified correctly" if true == guess else f"predicted as {CLASSES[guess]}"
    count = f"{len(numbers):,} test image{'s' * (len(numbers) != 1)}"
    st.markdown(f"**{count}: {CLASSES[true]}, {outcome}.** Most confident first.")
    show_gallery(evaluation, numbers, f"cell {true} {guess}")


def _cell(selection: Any, results: Results) -> tuple[int, int]:
    """The selected cell; by default, or if a browser sent nonsense, the most frequent mistake."""
    if cell := parse_cell(selection, results.confusion.shape):
        return cell
    mistakes = results.confusion * (1 - np.eye(len(CLASSES), dtype=int))
    true, guess = divmod(int(mistakes.argmax()), len(CLASSES))
    return true, guess


def _gallery(name: str, numbers: Callable[[Results], np.ndarray], evaluation: Evaluation) -> None:
    show_gallery(evaluation, numbers(evaluation.results), name)


def _classes(evaluation: Evaluation) -> None:
    share = partial(st.column_config.NumberColumn, format="%.1f%%")
    name_width, widths = 86, {"Precision": 78, "Recall": 64, "F1": 62}  # pixels: fit on a phone
    st.dataframe(
        [
            {k: 100 * v if isinstance(v, float) else v for k, v in asdict(score).items()}
            for score in class_scores(evaluation.results.confusion)
        ],
        column_config={
            "name": st.column_config.TextColumn("Class", width=name_width),
            **{name.lower(): share(name, width=width) for name, width in widths.items()},
            "samples": st.column_config.NumberColumn("Images", width=66),
        },
        hide_index=True,
        width="content",
    )


def _confidence(evaluation: Evaluation) -> None:
    results = evaluation.results
    error, accuracy = percent(results.calibration_error(), 2), percent(results.accuracy, 2)
    left, right = st.columns(2, gap="large")
    with left:
        _figure(
            "Is the confidence calibrated?",
            calibration_figure(results.calibration()),
            f"Accuracy against confidence. Expected calibration error: {error}",
            "calibration",
        )
    with right:
        _figure(
            "What if the network may abstain?",
            coverage_figure(THRESHOLDS, results.coverage(THRESHOLDS), results.accuracy),
            f"Accuracy against the share of images classified: {accuracy} if all are",
            "accuracy against answered",
        )


def _figure(title: str, figure: Figure, alt: str, key: str) -> None:
    st.subheader(title, anchor=False)
    live_plot(figure, alt, key)
    st.caption(CAPTIONS[title])


def _compare(evaluation: Evaluation) -> None:
    selected = model_loading.selected()
    others = {o.id: o for o in model_loading.options() if o.id != selected.id}
    if not others:
        hint = " Train or upload one." if access.can_control() else ""
        st.info(f"There is no second model on this server to compare with.{hint}")
        return
    choice = st.selectbox(
        "Compare with", list(others), format_func=lambda i: others[i].label, key="results other"
    )
    if classifier := model_loading.load_or_show_error(others[choice]):
        show_both = partial(_disagreements, evaluation, f"compare {choice}")
        evaluate(others[choice], classifier, show_both)


def _disagreements(evaluation: Evaluation, name: str, second: Evaluation) -> None:
    """The images that two models classify differently, of those that both have classified."""
    count = min(len(evaluation.results.labels), len(second.results.labels))
    results, other = evaluation.results.head(count), second.results.head(count)
    numbers = results.disagreements(other)
    this_right, other_right = results.correct[numbers], other.correct[numbers]
    st.markdown(
        f"On {'the first ' * (count < TEST_SAMPLES)}{count:,} test images this model reaches "
        f"{percent(results.accuracy, 2)}, the other one {percent(other.accuracy, 2)}. They "
        f"disagree on **{len(numbers):,} images**: this one is right on "
        f"{int(this_right.sum()):,} of them, the other on {int(other_right.sum()):,}, and on "
        f"{int((~this_right & ~other_right).sum()):,} both are wrong. Largest disagreement first."
    )
    show_gallery(evaluation, numbers, name, other)


VIEWS: dict[str, View] = {
    "Confusion": _confusion,
    "Mistakes": partial(_gallery, "mistakes", Results.mistakes),
    "Barely correct": partial(_gallery, "narrow", Results.barely_correct),
    "First images": partial(_gallery, "first", lambda results: np.arange(len(results.labels))),
    "Map": embedding_map,
    "Classes": _classes,
    "Confidence": _confidence,
    "Distinct units": show_distinct_units,
    "Compare": _compare,
}
# In links of version 0.5:
FORMER_NAMES = {"Narrow hits": "Barely correct", "First pictures": "First images"}
TOPICS = {
    "Confusion": "Confusion matrix",
    "Mistakes": "Wrong prediction or wrong label?",
    "Map": "How the map is made",
    "Classes": "Precision, recall, and F1",
    "Confidence": "Calibration error",
    "Compare": "Comparing two models",
}
"""The glossary topic that explains a view."""
