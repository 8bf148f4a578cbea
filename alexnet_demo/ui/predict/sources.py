"""Sources of images: the canvas, files, the camera, and the test set.

Each is a fragment: a stroke reruns only the part of the page that it changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image, ImageOps
from streamlit.runtime.uploaded_file_manager import UploadedFile

from alexnet_demo.common.errors import DataError
from alexnet_demo.images import strokes
from alexnet_demo.images.encode import enlarge, png
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.canvas import canvas
from alexnet_demo.ui.models import test_image
from alexnet_demo.ui.models.datasets import test_set
from alexnet_demo.ui.predict import classify, preparation, probes
from alexnet_demo.ui.predict.classify import show_placeholder
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.image_upload import FORMATS_NOTE, MAX_FILE_MB, is_too_large
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.inference.classifier import Classifier

MAX_FILES = 200
_SAMPLE = "sample"  # the test image's number: a widget's key, and its name in the address


@st.fragment
def draw(classifier: Classifier) -> None:
    """Draw by hand; the prediction follows each stroke."""
    left, right = st.columns(2, gap="large")
    with left:
        image = strokes.render(canvas())
        st.caption(
            "An outline is enough. A collar, laces, or a handle help.", text_alignment="center"
        )
    with right, st.container(key="drawn"):
        if strokes.is_blank(image):
            show_placeholder("The prediction appears here after your first stroke.")
            return
        if st.context.theme.type == "dark":  # the canvas is dark, and the steps show what is on it
            image = ImageOps.invert(image)
        prepared = classify.show(image, classifier, "sketch")
    preparation.show_steps(prepared)
    probes.show(prepared, classifier)


@st.fragment
def upload(classifier: Classifier) -> None:
    """One file: its class probabilities. Several: a table."""
    files = st.file_uploader(
        "Images: drop, browse, or paste",
        accept_multiple_files=True,
        max_upload_size=MAX_FILE_MB,
        key="pictures",
        help=FORMATS_NOTE,
        on_change=preparation.reset,
    )
    if not files:
        show_placeholder("Upload one image for its class probabilities, or several for a table.")
        return
    notices = st.container()
    usable = [file for file in files[:MAX_FILES] if not is_too_large(file)]
    errors = [
        f"{plain(file.name)} is too large: the limit is {MAX_FILE_MB} MB."
        for file in files[:MAX_FILES]
        if is_too_large(file)
    ]
    if len(files) > MAX_FILES:
        errors.append(f"Only the first {MAX_FILES} files were classified.")
    if len(files) == 1:
        if usable:
            _show_file(usable[0], classifier)
    else:
        rows, unusable = classify.classify_files(usable, classifier)
        errors += unusable
        if rows:
            classify.show_table(rows)
        preparation.show_controls()
    for error in errors:
        notices.error(error, icon=":material/error:")


def _show_file(file: UploadedFile, classifier: Classifier) -> None:
    result = classify.classify(file.getvalue(), classifier)  # errors go below the uploader
    if result:
        left, right = st.columns(2, gap="large")
        image = result.prepared.steps[0].image.copy()
        image.thumbnail((420, 420))
        left.image(png(image), width="content", alt=f"The uploaded image {file.name}")
        with right:
            classify.show_result(result)
    prepared = result.prepared if result else None
    preparation.show_steps(prepared)
    probes.show(prepared, classifier)


@st.fragment
def camera(classifier: Classifier) -> None:
    """A photo taken now."""
    left, right = st.columns(2, gap="large")
    with left:
        photo = st.camera_input(
            "Hold a piece of clothing in front of a plain wall",
            key="camera",
            on_change=preparation.reset,
        )
    with right:
        if photo is None:
            show_placeholder("The prediction appears here after you take a photo.")
            return
        prepared = classify.show(photo.getvalue(), classifier, "photo")
    preparation.show_steps(prepared)
    probes.show(prepared, classifier)


@st.fragment
def samples(classifier: Classifier) -> None:
    """An image of the test set, on which no weight is trained."""
    try:
        split = test_set()
    except DataError as error:
        st.error(str(error), icon=":material/error:")
        return
    left, right = st.columns(2, gap="large")
    with left:
        index = test_image.choose(_SAMPLE, on_change=preparation.reset)
        image, truth = Image.fromarray(split.images[index].numpy()), CLASSES[split.labels[index]]
        name = f"Test image {index}"
        caption = f"{name}: {truth}"
        st.image(png(enlarge(image, 336)), width=336, alt=caption, caption=caption)
    with right:
        prepared = classify.show(image, classifier, "dataset", truth, name)
    preparation.show_steps(prepared)
    probes.show(prepared, classifier)


SOURCES: dict[str, Callable[[Classifier], None]] = {
    "Draw": draw,
    "Upload": upload,
    "Camera": camera,
    "Samples": samples,
}


def choose() -> Callable[[Classifier], None]:
    """Let the reader choose a source; only that one is rendered.

    The address keeps it, and a sample's number: ``?source=Samples&sample=17``.
    """
    return SOURCES[query_params.choice("Image source", SOURCES, "source")]
