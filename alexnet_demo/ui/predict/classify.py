"""Classifying images, and showing their predictions."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from alexnet_demo.common.errors import BusyError, ImageError
from alexnet_demo.common.text import no_formula
from alexnet_demo.images.encode import data_url
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Kind, PreparedImage
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.settings.article import CLASS_PHRASES, CLASSES
from alexnet_demo.ui.predict import preparation
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.pin_button import pin_button
from alexnet_demo.ui.widgets.prediction_view import TOP, phrase, show_prediction

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.inference.classifier import Classifier, Prediction

T = TypeVar("T")
SECOND_GUESS = 0.1  # probability from which a second guess is named


class Classification(NamedTuple):
    """A preprocessed image and the prediction for it."""

    prepared: PreparedImage
    prediction: Prediction


class Row(NamedTuple):
    """A file, a thumbnail of it as a data URL, and its prediction."""

    file: str
    thumbnail: str
    prediction: Prediction


def classify(
    image: Image.Image | bytes, classifier: Classifier, kind: Kind = "auto"
) -> Classification | None:
    """Preprocess and classify an image, once; None after saying why it cannot be done.

    Args:
        image: as for `prepare`.
        kind: what the image is, unless the reader has chosen otherwise.
    """
    choices = preparation.choices(kind)

    def compute() -> Classification:
        prepared = prepare(image, choices)
        return Classification(prepared, BATCHER.predict(classifier, [prepared])[0])

    content = hashlib.blake2b(image if isinstance(image, bytes) else image.tobytes())
    if not isinstance(image, bytes):
        content.update(f"{image.mode} {image.size}".encode())
    key = content.hexdigest(), choices, classifier.digest
    return _once("last prediction", key, compute)


def _once(name: str, key: tuple[object, ...], compute: Callable[[], T]) -> T | None:
    """The session's last value of that name, computed anew if the key has changed.

    None after saying that the image cannot be used, or that the server is busy.
    """
    last = st.session_state.get(name)
    try:
        if last is None or last[0] != key:
            last = st.session_state[name] = key, compute()
    except ImageError as error:
        st.error(str(error), icon=":material/error:")
        return None
    except BusyError as error:
        st.warning(str(error), icon=":material/hourglass_top:")
        st.button("Try again", icon=":material/refresh:", key="ask again")
        return None
    return last[1]


# ------------------------------------------------------------------ one image


def show_placeholder(text: str) -> None:
    """What is in the prediction's place before there is an image."""
    st.markdown(f"**{text}**")
    st.caption(f"The model knows ten classes: {', '.join(CLASSES)}.")


def show(
    image: Image.Image | bytes,
    classifier: Classifier,
    kind: Kind,
    truth: str = "",
    name: str = "",
) -> PreparedImage | None:
    """Classify an image and show the prediction; see `classify` and `show_result`."""
    result = classify(image, classifier, kind)
    if result:
        show_result(result, truth, name)
    return result.prepared if result else None


def show_result(result: Classification, truth: str = "", name: str = "") -> None:
    """The prediction in words, and a bar for each of the most likely classes.

    For what does not look like clothing, bars would suggest a certainty that there is not: they
    are shown only on request.

    Args:
        truth: the image's true class if known.
        name: what to call the image if it is pinned.
    """
    prediction, views = result.prediction, result.prepared.views
    show_all = st.session_state.get("all classes", False)
    rows = prediction.ranked if show_all else prediction.ranked[: TOP * prediction.clothing]
    notes = [f"Treated as {preparation.KIND_PHRASES[prediction.kind]}"]
    if not prediction.clothing:
        notes.insert(0, f"The closest class is {CLASS_PHRASES[prediction.label]}")
    if truth:
        correct = truth == prediction.label
        notes.insert(0, "Correct" if correct else f"Incorrect: labeled as {CLASS_PHRASES[truth]}")
    if len(views) > 1:
        notes.append(f"average of {len(views)} views")
    notes.append(f"{prediction.ms:.0f}\u00a0ms, {prediction.backend}")
    show_prediction(*in_words(prediction), " · ".join(notes), rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(f"All {len(CLASSES)} classes", key="all classes", width="content")
        default_name = "Drawing" if prediction.kind == "sketch" else "Photo"
        label = CLASSES.index(truth) if truth else None
        pin_button(views[0], name or default_name, label)


def in_words(prediction: Prediction) -> tuple[str, str]:
    """A prediction as a sentence in two parts: ``This is`` and ``a sneaker (93.4%)``."""
    first, second = (phrase(*entry) for entry in prediction.ranked[:2])
    if not prediction.clothing:
        return "", "This doesn't look like clothing"
    if prediction.sure:
        return "This is" if first.startswith("a") else "These are", first
    named = prediction.ranked[1][1] >= SECOND_GUESS
    return "Not sure. Best guess:", f"{first} or {second}" if named else first


# ------------------------------------------------------------------ many images


def classify_files(
    files: Sequence[UploadedFile], classifier: Classifier
) -> tuple[list[Row], list[str]]:
    """Classify files, once.

    Returns:
        Rows in the files' order, and error messages for files that cannot be used.
    """
    choices = preparation.choices()

    def compute() -> tuple[list[Row], list[str]]:
        thumbnails, images, errors = [], [], []
        for file in files:
            try:
                prepared = prepare(file.getvalue(), choices)
            except ImageError as error:
                errors.append(f"{plain(file.name)}: {error}")
                continue
            thumbnails.append((file.name, data_url(prepared.steps[0].image, 96)))
            images.append(replace(prepared, steps=()))  # the steps hold large images
        predictions = BATCHER.predict(classifier, images)
        return [Row(*t, p) for t, p in zip(thumbnails, predictions, strict=True)], errors

    key = tuple(file.file_id for file in files), choices, classifier.digest
    with st.spinner("Classifying images…", show_time=True):
        return _once("last predictions", key, compute) or ([], [])


def show_table(rows: list[Row]) -> None:
    """Thumbnail, file, and prediction of each image, and a CSV file to download."""
    st.dataframe(
        [
            {
                "Image": row.thumbnail,
                "File": no_formula(row.file),  # the table has a CSV download of its own
                "Prediction": row.prediction.label,
                "Probability": row.prediction.probability * 100,
                "Confident": row.prediction.sure,
                "Clothing": row.prediction.clothing,
                "Type": preparation.KINDS[row.prediction.kind],
            }
            for row in rows
        ],
        column_config={
            "Image": st.column_config.ImageColumn(width="small"),
            "Probability": st.column_config.ProgressColumn(
                format="%.1f%%", min_value=0, max_value=100
            ),
        },
        hide_index=True,
        row_height=56,
    )
    st.download_button(
        "Download predictions",
        as_csv([(row.file, row.prediction) for row in rows]),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
    )


def as_csv(rows: list[tuple[str, Prediction]]) -> str:
    """One line per file: name, label, sure, clothing, then the probability of every class."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "label", "sure", "clothing", *CLASSES])
    for name, prediction in rows:
        probabilities = dict(prediction.ranked)
        facts = no_formula(name), prediction.label, prediction.sure, prediction.clothing
        writer.writerow([*facts, *(f"{probabilities[c]:.6f}" for c in CLASSES)])
    return text.getvalue()
