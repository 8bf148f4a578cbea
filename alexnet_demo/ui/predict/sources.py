"""Where a picture comes from: the canvas, files, the camera, the test set.

Each is a fragment: a stroke reruns only the part of the page that it changes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from alexnet_demo.common.errors import DataError
from alexnet_demo.images import strokes
from alexnet_demo.images.encode import enlarge, png
from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES
from alexnet_demo.ui.components.canvas import canvas
from alexnet_demo.ui.models.datasets import test_set
from alexnet_demo.ui.predict import classify, preparation
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.image_upload import IMAGE_TYPES, MAX_FILE_MB
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # all import torch
    from alexnet_demo.inference.classifier import Classifier

MAX_FILES = 200
_ANY = "Any class"
_SAMPLE = "sample"  # the number of a test picture, as the address names it


@st.fragment
def draw(classifier: Classifier) -> None:
    """Draw by hand; the answer follows each stroke."""
    prepared = None
    left, right = st.columns([1, 1], gap="large")
    with left:
        picture = strokes.render(canvas())
        st.caption(
            "An outline is enough; a collar, laces or a handle help.", text_alignment="center"
        )
    with right, st.container(key="drawn"):
        if strokes.is_blank(picture):
            classify.waiting("The answer appears here with your first stroke.")
        else:
            prepared = classify.show(picture, classifier, usual="sketch")
    if not strokes.is_blank(picture):
        preparation.steps(prepared)


@st.fragment
def upload(classifier: Classifier) -> None:
    """One file: its answer. Many: a table."""
    files = st.file_uploader(
        "Pictures: drop, browse or paste",
        type=IMAGE_TYPES,
        accept_multiple_files=True,
        max_upload_size=MAX_FILE_MB,
        key="pictures",
        on_change=preparation.automatic,
    )
    if not files:
        classify.waiting("One picture shows its bars, several make a table.")
    elif len(files) == 1:
        _single(files[0], classifier)
    else:
        _many(files, classifier)


@st.fragment
def camera(classifier: Classifier) -> None:
    """A photo taken now."""
    left, right = st.columns([1, 1], gap="large")
    with left:
        photo = st.camera_input(
            "Hold a piece of clothing before a plain wall",
            key="camera",
            on_change=preparation.automatic,
        )
    with right:
        if photo is None:
            classify.waiting("The answer appears here with your photo.")
            return
        prepared = classify.show(photo.getvalue(), classifier, usual="photo")
    preparation.steps(prepared)


@st.fragment
def samples(classifier: Classifier) -> None:
    """A picture of the test set, which no training has seen."""
    try:
        split = test_set()
    except DataError as error:
        st.error(str(error), icon=":material/error:")
        return
    left, right = st.columns([1, 1], gap="large")
    with left:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            names = [_ANY, *CLASSES]
            st.selectbox("Class", names, key="sample class", on_change=_another, width=180)
            number = query_params.parse_index(query_params.get(_SAMPLE), TEST_SAMPLES) or 0
            st.session_state.setdefault(_SAMPLE, number)
            index = st.number_input(
                "Number",
                0,
                TEST_SAMPLES - 1,
                key=_SAMPLE,
                on_change=preparation.automatic,
                width=140,
            )
            query_params.put(_SAMPLE, str(index))
            st.button("Another", icon=":material/casino:", on_click=_another)
        image, truth = Image.fromarray(split.images[index].numpy()), CLASSES[split.labels[index]]
        alt = f"Test picture {index}: {truth}"
        st.image(png(enlarge(image, 336)), width=336, alt=alt, caption=alt)
    with right:
        name = f"Test picture {index}"
        prepared = classify.show(image, classifier, usual="dataset", truth=truth, name=name)
    preparation.steps(prepared)


SOURCES: dict[str, Callable[[Classifier], None]] = {
    "Draw": draw,
    "Upload": upload,
    "Camera": camera,
    "Samples": samples,
}


def choose() -> Callable[[Classifier], None]:
    """Let the reader choose a source; only the chosen one is rendered.

    The address keeps it, and a sample's number: ``?source=Samples&sample=17``.
    """
    if _SAMPLE not in st.session_state:  # its source is not shown, or not yet
        query_params.load(_SAMPLE)
    return SOURCES[query_params.choice("Where the picture comes from", SOURCES, "source")]


# ------------------------------------------------------------------ files


def _single(file: UploadedFile, classifier: Classifier) -> None:
    if file.size > MAX_FILE_MB * 2**20:
        st.error(_too_large(file.name), icon=":material/error:")
        return
    asked = classify.ask(file.getvalue(), classifier)  # what is wrong stands under the uploader
    if asked:
        left, right = st.columns([1, 1], gap="large")
        image = asked.prepared.steps[0].image.copy()
        image.thumbnail((420, 420))
        left.image(png(image), width="content", alt=f"The uploaded picture {file.name}")
        with right:
            classify.bars(asked)
    preparation.steps(asked.prepared if asked else None)


def _many(files: Sequence[UploadedFile], classifier: Classifier) -> None:
    small = [file for file in files[:MAX_FILES] if file.size <= MAX_FILE_MB * 2**20]
    rows, problems = classify.ask_many(small, classifier)
    large = [file for file in files[:MAX_FILES] if file not in small]
    problems = [*problems, *(_too_large(file.name) for file in large)]
    if len(files) > MAX_FILES:
        problems.append(f"Only the first {MAX_FILES} files were taken.")
    for problem in problems:
        st.error(problem, icon=":material/error:")
    if rows:
        classify.table(rows)
    preparation.controls()


def _too_large(name: str) -> str:
    return f"{plain(name)} is too large: at most {MAX_FILE_MB} MB."


# ------------------------------------------------------------------ the test set


def _another() -> None:
    """Any other picture of the chosen class."""
    preparation.automatic()
    labels = test_set().labels
    name = st.session_state["sample class"]
    numbers: Sequence[int] = range(len(labels))
    if name != _ANY:
        numbers = (labels == CLASSES.index(name)).nonzero().flatten().tolist()
    st.session_state[_SAMPLE] = random.choice(numbers)
