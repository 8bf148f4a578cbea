"""The test set as a map: each image a point, placed by the model's embedding of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from alexnet_demo.common.files import write_atomically
from alexnet_demo.common.text import percent
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES
from alexnet_demo.settings.paths import ROOT
from alexnet_demo.ui.components.component import component_state, register
from alexnet_demo.ui.models import background, datasets, passes
from alexnet_demo.ui.results import test_images
from alexnet_demo.ui.results.evaluation import Evaluation
from alexnet_demo.ui.widgets import query_params

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.inference.embedding import Embedding

_LAYOUTS = {
    "PCA": "The axes are the first two principal components, with {variance} of the variance: "
    "neighbors may differ in one of the other directions.",
    "t-SNE": "t-SNE keeps neighbors among the first 64 principal components together. Distances "
    "between clusters, and their sizes, mean little.",
}
_MAP = "results map"
_SPRITE = ROOT / "static" / "test-pictures.webp"
_SPRITE_COLUMNS = 100
_component = register("embedding_map", __file__)


def embedding_map(evaluation: Evaluation) -> None:
    """The map, and a gallery of the images that were selected on it."""
    if evaluation.embedding is None:
        st.info("The map appears when all test images are classified.", icon=":material/map:")
        return
    results = evaluation.results
    layout = query_params.choice("Layout of the map", _LAYOUTS, "map")
    variance = percent(evaluation.embedding.variance[:2].sum())
    st.caption(
        "Each point is a test image, placed by its fc7 features: images that look alike to the "
        f"model are close together. {_LAYOUTS[layout].format(variance=variance)} Point at an image "
        "to see it, click to open it, or draw a line around several to list them. The class names "
        "hide and show classes."
    )
    points = _points(evaluation.classifier, evaluation.embedding, layout)
    if points is None:
        return
    low, high = points.min(0), points.max(0)
    x, y = (0.02 + 0.96 * (points - low) / np.maximum(high - low, 1e-9)).T
    selection = _numbers(component_state(_MAP, "chosen"), len(points))
    result = _component(
        data={
            "key": evaluation.classifier.digest,
            "x": x.round(4).tolist(),
            "y": (1 - y).round(4).tolist(),
            "labels": results.labels.tolist(),
            "guesses": results.predicted.tolist(),
            "classes": list(CLASSES),
            "colors": list(CLASS_COLORS.values()),
            "chosen": selection,
            "sprite": _sprite(),
        },
        default={"chosen": []},
        key=_MAP,
        on_chosen_change=lambda: None,
        on_opened_change=lambda: None,
    )
    numbers = np.array(_numbers(result.chosen, len(points)), np.int64)
    if result.opened is not None or not len(numbers):
        test_images.open_panel(evaluation, result.opened, numbers)
    if len(numbers):
        correct = results.correct[numbers]
        wrong = int((~correct).sum())
        st.markdown(f"**{len(numbers):,} images selected**, {wrong:,} of them misclassified.")
        numbers = numbers[np.argsort(correct, kind="stable")]
        test_images.show_gallery(evaluation, numbers, "map")


def _points(classifier: Classifier, pca: Embedding, layout: str) -> np.ndarray | None:
    """The test images' coordinates, float (10000, 2); None while they are being computed."""
    if layout == "PCA":
        return pca.points[:, :2]
    job = passes.tsne_map(classifier, pca)
    if job.result is None:
        background.show_progress(job, "Computing the map")
    return job.result


def _numbers(selection: Any, count: int) -> list[int]:
    """The valid image numbers in a selection; a browser can send anything."""
    if not isinstance(selection, Sequence) or isinstance(selection, str):
        return []
    return sorted({n for n in selection if isinstance(n, int) and 0 <= n < count})


@cache
def _sprite() -> dict[str, Any] | None:
    """All test images in one file of the folder ``static``: ``file``, ``columns``, and ``rows``.

    None if the file cannot be written: the map then shows names instead of images.
    """
    rows = TEST_SAMPLES // _SPRITE_COLUMNS
    try:
        if not _SPRITE.is_file():
            images = datasets.test_set().images.numpy()
            side = images.shape[-1]
            grid = images.reshape(rows, _SPRITE_COLUMNS, side, side).swapaxes(1, 2)
            sprite = Image.fromarray(np.ascontiguousarray(grid.reshape(rows * side, -1)))
            _SPRITE.parent.mkdir(exist_ok=True)
            write_atomically(_SPRITE, lambda temporary: sprite.save(temporary, "WEBP", quality=75))
    except OSError:
        return None
    return {"file": _SPRITE.name, "columns": _SPRITE_COLUMNS, "rows": rows}
