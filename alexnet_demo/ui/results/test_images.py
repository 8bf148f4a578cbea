"""Galleries of test images, and a panel with the details of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from alexnet_demo.common.text import probability
from alexnet_demo.images.encode import data_url, enlarge, png
from alexnet_demo.inference.embedding import load_neighbors
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.models import background, datasets, evidence, passes
from alexnet_demo.ui.results.evaluation import PANEL_LINK, Evaluation, reopen_panel
from alexnet_demo.ui.widgets import prediction_view
from alexnet_demo.ui.widgets.navigation import PREDICT
from alexnet_demo.ui.widgets.pin_button import pin_button
from alexnet_demo.ui.widgets.query_params import parse_index

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.data.splits import Split

PAGE = 48  # images that a gallery shows at first, and more with each click
_OPEN = "results open"  # session state: the number of the image in the panel


def show_gallery(
    evaluation: Evaluation, numbers: np.ndarray, name: str, other: Results | None = None
) -> None:
    """Test images with their predictions; a click opens the panel.

    Args:
        numbers: the images, in order.
        name: unique on the page.
        other: a second model's predictions, to be shown below.
    """
    if not len(numbers):
        st.info("No images to show.")
        return
    shown = f"shown {name}"  # session state
    count = st.session_state.setdefault(shown, PAGE)
    tiles = [_result_tile(evaluation.results, other, n) for n in numbers[:count].tolist()]
    clicked = gallery(tiles, f"gallery {name}")
    left = len(numbers) - count
    if left > 0 and st.button(f"Show more ({left:,} left)", key=f"more {name}"):
        st.session_state[shown] = count + PAGE
        st.rerun()
    open_panel(evaluation, clicked, numbers)


def _result_tile(results: Results, other: Results | None, number: int) -> Tile:
    def prediction(of: Results) -> str:
        return f"{CLASSES[of.predicted[number]]} {probability(of.confidence[number], 0)}"

    correct = results.correct[number]
    details = [] if other is None else [f"other: {prediction(other)}"]
    if other is not None or not correct:
        details.append(f"label: {CLASSES[results.labels[number]]}")
    caption = f"{'✓' if correct else '✗'} {prediction(results)}"
    return _tile(datasets.test_set(), number, f"Test image {number}", caption, " · ".join(details))


def _tile(split: Split, number: int, alt: str, caption: str, detail: str = "") -> Tile:
    pixels = split.images[number].numpy()
    return Tile(number, data_url(Image.fromarray(pixels), len(pixels)), alt, caption, detail)


def open_panel(evaluation: Evaluation, clicked: Any, numbers: np.ndarray) -> None:
    """Open the panel with the image that was clicked, or once with the one that a link names.

    Args:
        clicked: as the browser sent it, unchecked.
        numbers: the images to page through.
    """
    count, link = len(evaluation.results.labels), st.query_params.get("picture", "")
    number = None
    if isinstance(clicked, (int, float)) and 0 <= clicked < count:
        number = int(clicked)
    elif st.session_state.get(PANEL_LINK) != link:
        number = parse_index(link, count)
    if number is not None:
        st.session_state[_OPEN] = number
        _panel(evaluation, numbers.tolist())


# ------------------------------------------------------------------ the panel


def _closed() -> None:
    st.query_params.pop("picture", None)
    reopen_panel()  # so that the same link opens it again


@st.dialog("Test image", width="medium", on_dismiss=_closed)
def _panel(evaluation: Evaluation, numbers: Sequence[int]) -> None:
    """One image: prediction and label, evidence for classes, and similar training images."""
    tour.show_task()
    results = evaluation.results
    number = int(st.session_state[_OPEN])
    _pager(numbers, number)
    st.query_params["picture"] = st.session_state[PANEL_LINK] = str(number)
    image = Image.fromarray(datasets.test_set().images[number].numpy())
    truth, name = CLASSES[results.labels[number]], f"Test image {number}"
    left, right = st.columns([1, 1.4], gap="medium")
    with left:
        st.image(png(enlarge(image, 252)), width=252, alt=f"{name}: {truth}")
        st.caption(f"{name}, labeled {truth}")
    with right:
        prediction_view.show_labeled(results.probabilities[number], truth)
    _evidence(evaluation, number)
    _similar_images(evaluation, number)
    with st.container(horizontal=True):
        if st.button("Open in Predict", icon=":material/draw:"):
            st.switch_page(PREDICT, query_params={"source": "Samples", "sample": str(number)})
        pin_button(np.asarray(image), name, int(results.labels[number]))


def _pager(numbers: Sequence[int], number: int) -> None:
    """Buttons to the previous and the next image of the list."""
    listed = number in numbers
    index = numbers.index(number) if listed else 0
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, target in (
            ("Previous image", ":material/chevron_left:", index - 1),
            ("Next image", ":material/chevron_right:", index + 1),
        ):
            exists = listed and 0 <= target < len(numbers)
            neighbor = {_OPEN: numbers[target] if exists else number}
            update = st.session_state.update
            st.button(label, icon=icon, disabled=not exists, on_click=update, args=(neighbor,))
        if listed:
            st.markdown(f":gray[{index + 1:,} of {len(numbers):,}]", width="content")


def _evidence(evaluation: Evaluation, number: int) -> None:
    """Evidence for the predicted class, and for the label or, if they agree, the second guess."""
    results = evaluation.results
    guess, second, role = int(results.predicted[number]), int(results.labels[number]), "label"
    if guess == second:
        second, role = int(results.probabilities[number].argsort()[-2]), "second guess"
    classes = {f"{CLASSES[guess]} (predicted)": guess, f"{CLASSES[second]} ({role})": second}
    evidence.show(evaluation.classifier, datasets.test_set().images[number].numpy(), classes)


@st.fragment
def _similar_images(evaluation: Evaluation, number: int) -> None:
    """The training images nearest to a test image in the model's embedding."""
    pca, digest = evaluation.embedding, evaluation.classifier.digest
    if pca is None:
        st.caption("The most similar training images follow when all test images are classified.")
        return
    requested = f"like {digest}"  # session state
    at_once = st.session_state.get(requested) or load_neighbors(digest) is not None
    label = "Show most similar training images"
    if not (at_once or st.button(label, icon=":material/image_search:")):
        return
    st.session_state[requested] = True
    job, show = passes.nearest_training_images(evaluation.classifier, pca), _neighbor_gallery
    if job.result is None:
        label = "Comparing with the training images"
        background.show_progress(job, label, reopen_panel, partial(show, number))
    else:
        show(number, job.result)


def _neighbor_gallery(number: int, neighbors: np.ndarray) -> None:
    split = datasets.training_set()
    st.markdown("**Most similar training images** by the model's fc7 features, with their labels")
    tiles = [
        _tile(split, n, f"Training image {n}", CLASSES[int(split.labels[n])])
        for n in neighbors[number].tolist()
    ]
    gallery(tiles, "gallery like", clickable=False)
