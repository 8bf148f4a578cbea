"""Views of the Results page: figures over the test set, and the pictures behind them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from alexnet_demo.common.text import percent
from alexnet_demo.figures import results
from alexnet_demo.inference.predictions import Results, class_scores
from alexnet_demo.settings.article import ARTICLE_TEST_ACCURACY, CLASSES
from alexnet_demo.ui.components.component import component_state, register
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.models import model_loading
from alexnet_demo.ui.results import test_images
from alexnet_demo.ui.results.embedding_map import picture_map
from alexnet_demo.ui.results.evaluation import Surveyed, surveyed
from alexnet_demo.ui.widgets import access, query_params
from alexnet_demo.ui.widgets.markdown import plain

LEVELS = np.linspace(0, 0.99, 100)
_VIEW = "show"  # as the address names it
_CELL = "results cell"

_matrix = register("matrix", __file__)


def totals(seen: Surveyed) -> None:
    """The figures that sum all up."""
    found = seen.results
    wrong = int((~found.correct).sum())
    figures = (
        (
            "Test accuracy",
            percent(found.accuracy, 2),
            "The share of the test pictures that are named rightly. The article reached "
            f"{percent(ARTICLE_TEST_ACCURACY[-1], 2)}.",
        ),
        ("Mistakes", f"{wrong:,}", f"Of {len(found.labels):,} pictures."),
        (
            "Mean confidence",
            percent(float(found.confidence.mean(dtype=np.float64))),
            "The mean probability of the class that was named. In a well calibrated network it "
            "equals the accuracy.",
        ),
        (
            "Calibration error",
            percent(found.calibration_error(), 2),
            "Expected calibration error: how far confidence is from the share of right answers, "
            "on average.",
        ),
    )
    with st.container(horizontal=True):
        for label, value, about in figures:
            st.metric(label, value, help=about, width=165)  # two beside each other on a phone


def choose() -> str:
    """Let the reader choose what to look at; only that is computed and shown."""
    return query_params.choice("What to look at", VIEWS, _VIEW)


def _confusion(seen: Surveyed) -> None:
    found = seen.results
    st.caption(
        "Rows are what the pictures show, columns what they were taken for. Choose a number, by "
        "click or arrow keys, to see the pictures behind it."
    )
    chosen = _cell(component_state(_CELL, "cell"), found)
    result = _matrix(
        data={"classes": list(CLASSES), "counts": found.confusion.tolist(), "cell": chosen},
        default={"cell": chosen},
        key=_CELL,
        on_cell_change=lambda: None,
    )
    true, guess = _cell(result.cell, found)
    numbers = found.cell(true, guess)
    count = f"{len(numbers):,} test picture{'' if len(numbers) == 1 else 's'}"
    if true == guess:
        st.markdown(f"**{count}: {CLASSES[true]}, and known.** The surest answer first.")
    else:
        st.markdown(
            f"**{count}: {CLASSES[true]}, but taken for {CLASSES[guess]}.** The surest answer "
            "first."
        )
    test_images.show(seen, numbers, f"cell {true} {guess}")


def _cell(given: Any, found: Results) -> tuple[int, int]:
    """The chosen cell; the greatest mistake where none was chosen (a browser can send anything)."""
    try:
        true, guess = (int(place) for place in given)
        if true in range(len(CLASSES)) and guess in range(len(CLASSES)):
            return true, guess
    except (TypeError, ValueError, OverflowError):
        pass
    wrong = found.confusion - np.diag(np.diag(found.confusion))
    true, guess = divmod(int(wrong.argmax()), len(CLASSES))
    return true, guess


def _mistakes(seen: Surveyed) -> None:
    found = seen.results
    st.caption(
        "The mistakes the network was surest of. Look twice: some are its own, others are labels "
        "of the data set that one may doubt."
    )
    test_images.show(seen, found.mistakes(), "mistakes")


def _narrow(seen: Surveyed) -> None:
    found = seen.results
    st.caption("Right, but only just: the answers with the least confidence first.")
    test_images.show(seen, found.barely_correct(), "narrow")


def _first(seen: Surveyed) -> None:
    found = seen.results
    st.caption("Test pictures in the data set's order, as the article shows its first ones.")
    test_images.show(seen, np.arange(len(found.labels)), "first")


def _classes(seen: Surveyed) -> None:
    found = seen.results
    st.caption(
        "Precision: of the pictures named so, how many are. Recall: of the pictures that are, how "
        "many are named so. F1: their harmonic mean."
    )
    share = partial(st.column_config.ProgressColumn, format="%.1f %%", min_value=0, max_value=100)
    st.dataframe(
        [
            {
                "Class": line.name,
                **{
                    name: None if value is None else 100 * value
                    for name, value in (
                        ("Precision", line.precision),
                        ("Recall", line.recall),
                        ("F1", line.f1),
                    )
                },
                "Pictures": line.samples,
            }
            for line in class_scores(found.confusion)
        ],
        column_config={name: share(name) for name in ("Precision", "Recall", "F1")},
        hide_index=True,
    )


def _confidence(seen: Surveyed) -> None:
    found = seen.results
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Is its confidence deserved?", anchor=False)
        live_plot(
            results.calibration_figure(found.calibration()),
            "The share of right answers against confidence: calibration error "
            + percent(found.calibration_error(), 2),
            "calibration",
        )
        st.caption(
            "Each bar holds the answers of about that confidence and reaches as high as their "
            "share of right ones. On the dashed line they are equal; below it the network is too "
            "sure of itself. Pale bars hold fewer than 20 answers."
        )
    with right:
        st.subheader("What if it may decline to answer?", anchor=False)
        live_plot(
            results.coverage_figure(LEVELS, found.coverage(LEVELS), found.accuracy),
            f"Accuracy against the share of pictures answered: {percent(found.accuracy, 2)} "
            "where all are",
            "accuracy against answered",
        )
        st.caption(
            "Were it to answer only from a certain confidence on, it would answer fewer pictures, "
            "and a larger share of its answers would be right."
        )


def _compare(seen: Surveyed) -> None:
    found = seen.results
    here = model_loading.selected()
    others = {option.id: option for option in model_loading.options() if option.id != here.id}
    if not others:
        more = (
            ": train one, or upload a weights file" if access.can_control() else " on this server"
        )
        st.info(f"There is no second model to compare with{more}.")
        return
    chosen = st.selectbox(
        "Compare with", list(others), format_func=lambda i: others[i].label, key="results other"
    )
    try:
        other = model_loading.load(others[chosen])
    except ValueError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    others_answers = surveyed(others[chosen], other)
    if others_answers is None:
        return
    theirs = others_answers.results
    numbers = found.disagreements(theirs)
    right = found.correct[numbers], theirs.correct[numbers]
    st.markdown(
        f"The other one reaches {percent(theirs.accuracy, 2)}. They differ on "
        f"**{len(numbers):,} pictures**: this one is right on {int(right[0].sum()):,} of them, the "
        f"other on {int(right[1].sum()):,}, and on {int((~right[0] & ~right[1]).sum()):,} both are "
        "wrong. The widest apart first."
    )
    test_images.show(seen, numbers, f"compare {chosen}", theirs)


VIEWS: dict[str, Callable[[Surveyed], None]] = {
    "Confusion": _confusion,
    "Mistakes": _mistakes,
    "Narrow hits": _narrow,
    "First pictures": _first,
    "Map": picture_map,
    "Classes": _classes,
    "Confidence": _confidence,
    "Compare": _compare,
}
EXPLAINED = {
    "Confusion": "Confusion matrix",
    "Mistakes": "Wrong, or wrongly labelled?",
    "Map": "The map",
    "Classes": "Precision, recall and F1",
    "Confidence": "Calibration error",
    "Compare": "Two networks",
}
"""The topic that explains a view."""
