"""Pictures of the test set: galleries of them, and one in a panel with all that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from alexnet_demo.common.errors import BusyError
from alexnet_demo.common.text import whole_percent
from alexnet_demo.images.encode import data_url, enlarge, overlay_heatmap, png
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.models import background, datasets, passes
from alexnet_demo.ui.results.evaluation import Surveyed
from alexnet_demo.ui.widgets import prediction_view
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.navigation import PREDICT
from alexnet_demo.ui.widgets.pin_button import pin_button

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.inference.classifier import Classifier

PAGE = 48  # pictures that a gallery shows at first, and more with each click
LIKE = 8  # nearest training pictures that are shown
_OPEN = "results open"  # session state: the number of the picture in the panel
_LINKED = "results link"  # session state: the link's picture that was opened already


def show(seen: Surveyed, numbers: np.ndarray, name: str, other: Results | None = None) -> None:
    """Pictures with what is said of them; a click opens one."""
    found = seen.results
    if not len(numbers):
        st.info("There are no such pictures.")
        return
    many = f"shown {name}"  # session state
    count = st.session_state.setdefault(many, PAGE)
    images = datasets.test_set().images
    tiles = [
        Tile(
            int(n),
            data_url(Image.fromarray(images[int(n)].numpy()), 28),
            f"Test picture {n}",
            f"{'✓' if found.correct[n] else '✗'} {_says(found, n)}",
            _below(found, n, other),
        )
        for n in numbers[:count]
    ]
    opened = gallery(tiles, f"gallery {name}")
    if count < len(numbers):
        left = len(numbers) - count
        if st.button(f"Show more ({left:,} left)", key=f"more {name}"):
            st.session_state[many] = count + PAGE
            st.rerun()
    open_if_asked(seen, opened, numbers)


def open_if_asked(seen: Surveyed, sent: Any, numbers: np.ndarray) -> None:
    """Open the panel with the picture that was clicked, or with the one that a link names."""
    opened = _opened(sent, len(seen.results.labels))
    if opened is not None:
        st.session_state[_OPEN] = opened
        _panel(seen, [int(n) for n in numbers])


def _says(found: Results, number: int) -> str:
    return f"{CLASSES[found.predicted[number]]} {whole_percent(float(found.confidence[number]))}"


def _below(found: Results, number: int, other: Results | None) -> str:
    truth = CLASSES[found.labels[number]]
    if other is not None:
        return f"other: {_says(other, number)} · is: {truth}"
    return "" if found.correct[number] else f"is: {truth}"


def _opened(sent: Any, count: int) -> int | None:
    """The picture to open: the one clicked, or the one a link names, once."""
    if isinstance(sent, (int, float)) and 0 <= sent < count:
        return int(sent)
    link = st.query_params.get("picture", "")
    short = link.isdecimal() and len(link) <= len(str(count))
    if short and int(link) < count and st.session_state.get(_LINKED) != link:
        st.session_state[_LINKED] = link
        return int(link)
    return None


# ------------------------------------------------------------------ one picture


def _closed() -> None:
    st.query_params.pop("picture", None)
    st.session_state.pop(_LINKED, None)  # so that the same link opens it again


@st.dialog("A test picture", width="medium", on_dismiss=_closed)
def _panel(seen: Surveyed, numbers: Sequence[int]) -> None:
    """One picture: what is said of it and what it is, where the network looks, and its like."""
    tour.remind()
    found = seen.results
    number = int(st.session_state[_OPEN])
    _turn_page(numbers, number)
    st.query_params["picture"] = st.session_state[_LINKED] = str(number)
    image = Image.fromarray(datasets.test_set().images[number].numpy())
    truth, guess = CLASSES[found.labels[number]], CLASSES[found.predicted[number]]
    left, right = st.columns([1, 1.4], gap="medium")
    with left:
        st.image(png(enlarge(image, 252)), width=252, alt=f"Test picture {number}: {truth}")
        st.caption(f"Test picture {number}, labelled {truth}")
    with right:
        prediction_view.verdict(found.probabilities[number], truth)
    _where_it_looks(seen, number, truth, guess)
    _its_like(seen, number)
    with st.container(horizontal=True):
        if st.button("Open on Predict", icon=":material/draw:"):
            st.switch_page(PREDICT, query_params={"source": "Samples", "sample": str(number)})
        pin_button(np.asarray(image), f"Test picture {number}", int(found.labels[number]))


def _turn_page(numbers: Sequence[int], number: int) -> None:
    """Buttons to the neighbours in the list."""
    place = numbers.index(number) if number in numbers else None

    def go(step: int) -> None:
        assert place is not None
        st.session_state[_OPEN] = numbers[place + step]

    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Picture before",
            icon=":material/chevron_left:",
            disabled=not place,
            on_click=go,
            args=(-1,),
        )
        st.button(
            "Next picture",
            icon=":material/chevron_right:",
            disabled=place is None or place + 1 >= len(numbers),
            on_click=go,
            args=(1,),
        )
        if place is not None:
            st.markdown(f":gray[{place + 1:,} of {len(numbers):,}]", width="content")


def _where_it_looks(seen: Surveyed, number: int, truth: str, guess: str) -> None:
    """Grad-CAM for the class that was named, and for the true one or else the second best."""
    ranked = seen.results.probabilities[number].argsort()
    second = truth if truth != guess else CLASSES[int(ranked[-2])]
    names = (f"{guess}, as it says", f"{second}, {'the label' if truth != guess else 'its second'}")
    pixels = datasets.test_set().images[number].numpy()
    try:
        maps = _heat(seen.classifier, pixels, (CLASSES.index(guess), CLASSES.index(second)))
    except BusyError as error:
        st.warning(str(error), icon=":material/hourglass_top:")
        return
    st.markdown("**Where it looks**, if it is to speak for")
    for place, heat, name in zip(st.columns(2), maps, names, strict=True):
        place.image(
            png(overlay_heatmap(pixels, heat, 224)),
            width=224,
            alt=f"Grad-CAM for {name}",
            caption=name,
        )
    explain("What the colours mean", "Grad-CAM")


def _heat(classifier: Classifier, pixels: np.ndarray, classes: tuple[int, int]) -> np.ndarray:
    """float32 (2, h, w) in [0, 1], see `explain.grad_cam`."""
    import torch

    from alexnet_demo.network.grad_cam import grad_cam

    pictures = np.stack([pixels] * 2)
    return BATCHER.submit(partial(grad_cam, classifier.model, pictures, torch.tensor(classes)))


@st.fragment
def _its_like(seen: Surveyed, number: int) -> None:
    """The training pictures that lie nearest to one, with their labels."""
    key = f"like {seen.classifier.digest}"
    if not st.session_state.get(key):
        st.session_state[key] = st.button(
            "Show the training pictures most like it", icon=":material/image_search:"
        )
        if not st.session_state[key]:
            return
    survey = passes.embed_training_set(seen.classifier, seen.atlas)
    if survey.result is None:
        background.show_progress(
            survey,
            "Looking at every training picture",
            # The rerun closes the panel: let the page's link open it again.
            before_rerun=lambda: st.session_state.pop(_LINKED, None),
        )
    else:
        from alexnet_demo.inference.embedding import nearest

        split = datasets.training_set()
        like, _ = nearest(survey.result, seen.atlas.points[number], LIKE)
        st.markdown(
            "**Most like it among the training pictures**, to the network, with their labels"
        )
        tiles = [
            Tile(
                int(n),
                data_url(Image.fromarray(split.images[int(n)].numpy()), 28),
                f"Training picture {n}",
                CLASSES[int(split.labels[int(n)])],
            )
            for n in like
        ]
        gallery(tiles, "gallery like", clickable=False)
