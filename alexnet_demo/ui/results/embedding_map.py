"""The test set as a map: each picture a point, placed by what a network makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from alexnet_demo.common.text import percent
from alexnet_demo.figures import theme
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.component import component_state, register
from alexnet_demo.ui.models import background, passes
from alexnet_demo.ui.results import sprite, test_images
from alexnet_demo.ui.results.evaluation import Surveyed
from alexnet_demo.ui.widgets import query_params

PCA, TSNE = "PCA", "t-SNE"
_LAYOUTS = {
    PCA: "what looks alike to it lies together. The two widest directions are shown, with {wide} "
    "of the variance.",
    TSNE: "its nearest neighbours among 64 directions are kept near it. Who lies beside whom says "
    "something; how far clumps lie apart, and how wide they are, says little.",
}
_LAYOUT = "map"  # as the address names it
_MAP = "results map"

_picture_map = register("embedding_map", __file__)


def picture_map(seen: Surveyed) -> None:
    """The map, and the pictures that were chosen on it."""
    found, layout = seen.results, _layout()
    wide = percent(seen.atlas.variance[:2].sum())
    st.caption(
        "Every point is a test picture, placed by what the network makes of it in fc7: "
        f"{_LAYOUTS[layout].format(wide=wide)} Point at one to see it, click to open it, draw a "
        "line around some to list them; the names above hide and show a class."
    )
    points = _places(seen, layout)
    if points is None:
        return
    low, high = points.min(0), points.max(0)
    inner = 0.02 + 0.96 * (points - low) / np.maximum(high - low, 1e-9)
    chosen = _numbers(component_state(_MAP, "chosen"), len(points))
    result = _picture_map(
        data={
            "key": seen.classifier.digest,
            "x": inner[:, 0].round(4).tolist(),
            "y": (1 - inner[:, 1]).round(4).tolist(),
            "labels": found.labels.tolist(),
            "guesses": found.predicted.tolist(),
            "classes": list(CLASSES),
            "colors": list(theme.CLASS_COLORS.values()),
            "chosen": chosen,
            "sheet": sprite.of_test_pictures(),
        },
        default={"chosen": []},
        key=_MAP,
        on_chosen_change=lambda: None,
        on_opened_change=lambda: None,
    )
    numbers = np.array(_numbers(result.chosen, len(points)), np.int64)
    if result.opened is not None or not len(numbers):
        test_images.open_if_asked(seen, result.opened, numbers)
    if len(numbers):
        wrong = int((~found.correct[numbers]).sum())
        st.markdown(f"**{len(numbers):,} pictures chosen**, {wrong:,} of them got wrong.")
        test_images.show(seen, numbers[np.argsort(found.correct[numbers], kind="stable")], "map")


def _layout() -> str:
    """Let the reader choose which map."""
    return query_params.choice("Kind of map", _LAYOUTS, _LAYOUT)


def _places(seen: Surveyed, layout: str) -> np.ndarray | None:
    """The test pictures' places, float (10000, 2); None while they are sought, after saying so."""
    if layout == PCA:
        return seen.atlas.points[:, :2]
    digest = seen.classifier.digest
    survey = passes.tsne_map(digest, seen.atlas)
    found = survey.result
    if found is None:
        background.show_progress(survey, "Computing the map")
    return found


def _numbers(given: Any, count: int) -> list[int]:
    """The chosen pictures; a browser can send anything."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        return []
    return sorted({n for n in given if isinstance(n, int) and 0 <= n < count})
