"""Asking the network about a picture, and showing what it says."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from alexnet_demo.common.errors import BusyError, ImageError
from alexnet_demo.common.text import no_formula
from alexnet_demo.images.encode import data_url
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.predict import preparation
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.pin_button import pin_button
from alexnet_demo.ui.widgets.prediction_view import TOP, _answer, a, about

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.images.prepared import Choices, Kind, PreparedImage
    from alexnet_demo.inference.classifier import Classifier, Prediction

WORTH_NAMING = 0.1
"""Probability from which a second guess is named."""
_LAST_FILES = "last answers"  # session state: the same for many files
_LAST = "last answer"  # session state: lest a page that runs anew ask the network again


# ------------------------------------------------------------------ asking


@dataclass(frozen=True)
class Asked:
    """A picture made ready and what a network says of it, with what was asked."""

    content: str
    choices: Choices
    network: str  # its digest: a session must not keep a network in memory
    prepared: PreparedImage
    answer: Prediction


def ask(picture: Image.Image | bytes, classifier: Classifier, usual: Kind = "auto") -> Asked | None:
    """Make one picture ready and classify it; None after one sentence where it cannot be used.

    Both happen once: the same picture, choices and network get the answer that is there.

    Args:
        picture: as for `preprocess.prepare`.
        classifier: the network to ask.
        usual: its kind where the reader has not chosen one.
    """
    from alexnet_demo.images.prepare import prepare

    content, choices = _digest(picture), preparation.choices(usual)
    last: Asked | None = st.session_state.get(_LAST)
    if last and (last.content, last.choices, last.network) == (content, choices, classifier.digest):
        return last
    try:
        prepared = prepare(picture, choices)
        answer = BATCHER.predict(classifier, [prepared])[0]
    except ImageError as error:
        st.error(str(error), icon=":material/error:")
        return None
    except BusyError as error:
        _busy(error)
        return None
    st.session_state[_LAST] = Asked(content, choices, classifier.digest, prepared, answer)
    return st.session_state[_LAST]


def _busy(error: BusyError) -> None:
    st.warning(str(error), icon=":material/hourglass_top:")
    st.button("Try again", icon=":material/refresh:", key="ask again")


def _digest(picture: Image.Image | bytes) -> str:
    found = hashlib.blake2b(picture if isinstance(picture, bytes) else picture.tobytes())
    if not isinstance(picture, bytes):
        found.update(f"{picture.mode} {picture.size}".encode())
    return found.hexdigest()


# ------------------------------------------------------------------ one answer


def show(
    picture: Image.Image | bytes,
    classifier: Classifier,
    usual: Kind = "auto",
    truth: str = "",
    name: str = "",
) -> PreparedImage | None:
    """Classify one picture and show answer and bars; arguments as for `ask` and `bars`.

    Returns:
        What to show below (see `sight.steps`), or None.
    """
    asked = ask(picture, classifier, usual)
    if asked:
        bars(asked, truth, name)
    return asked.prepared if asked else None


def bars(asked: Asked, truth: str = "", name: str = "") -> None:
    """The answer in words, and a bar for each of the likeliest classes.

    Args:
        asked: what the network says.
        truth: the picture's true class where that is known.
        name: what the picture is called once it is pinned.
    """
    answer = asked.answer
    everything = st.session_state.get("all classes", False)
    rows = answer.ranked if everything else answer.ranked[:TOP]
    says, label = in_words(answer)
    _answer(says, label, _note(asked, truth), rows)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(f"All {len(CLASSES)} classes", key="all classes", width="content")
        usual = "Drawing" if answer.kind == "sketch" else "Photo"
        known = CLASSES.index(truth) if truth else None
        pin_button(asked.prepared.views[0], name or usual, known)


def in_words(answer: Prediction) -> tuple[str, str]:
    """The answer as a sentence in two parts: ``This is`` and ``a Sneaker (93 %)``."""
    first, second = (f"{a(name)} ({about(p)})" for name, p in answer.ranked[:2])
    if not answer.clothing:
        return "This may not be clothing. If it is, it is perhaps", first
    if answer.sure:
        return "This is", first
    named = answer.ranked[1][1] >= WORTH_NAMING
    return "Not sure: perhaps", f"{first} or {second}" if named else first


def _note(asked: Asked, truth: str) -> str:
    answer, views = asked.answer, len(asked.prepared.views)
    words = [f"Taken for {preparation.KIND_WORDS[answer.kind]}", f"{answer.ms:.0f}\u00a0ms"]
    if views > 1:
        words.insert(1, f"average of {views} views")
    if truth:
        words.insert(0, "Right" if truth == answer.label else f"Wrong: it is {a(truth)}")
    return " · ".join(words)


def waiting(words: str) -> None:
    """What stands in the answer's place before there is a picture."""
    st.markdown(f"**{words}**")
    st.caption("It knows ten kinds: " + ", ".join(CLASSES) + ".")


# ------------------------------------------------------------------ many at once


@dataclass(frozen=True)
class Row:
    """A file, its picture as a small data URL, and what a network says of it."""

    file: str
    picture: str
    answer: Prediction


def ask_many(files: Sequence[UploadedFile], classifier: Classifier) -> tuple[list[Row], list[str]]:
    """Classify files, once; what cannot be used gives a sentence.

    Returns:
        Rows in the files' order, and the sentences.
    """
    asked = (tuple(file.file_id for file in files), preparation.choices(), classifier.digest)
    last = st.session_state.get(_LAST_FILES)
    if last is None or last[0] != asked:
        try:
            with st.spinner("Looking at the pictures…"):
                last = st.session_state[_LAST_FILES] = asked, _classify(files, classifier)
        except BusyError as error:
            _busy(error)
            return [], []
    return last[1]


def _classify(files: Sequence[UploadedFile], classifier: Classifier) -> tuple[list[Row], list[str]]:
    from alexnet_demo.images.prepare import prepare

    choices, seen, pictures, problems = preparation.choices(), [], [], []
    for file in files:
        try:
            prepared = prepare(file.getvalue(), choices)
            seen.append((file.name, data_url(prepared.steps[0].image, 96)))
            pictures.append(replace(prepared, steps=()))  # which hold large pictures
        except ImageError as error:
            problems.append(f"{plain(file.name)}: {error}")
    found = BATCHER.predict(classifier, pictures)
    return [Row(*shown, answer) for shown, answer in zip(seen, found, strict=True)], problems


def table(rows: list[Row]) -> None:
    """Thumbnail, file, label and probability of each, and the same as CSV."""
    st.dataframe(
        [
            {
                "Picture": row.picture,
                "File": no_formula(row.file),  # the table has a CSV download of its own
                "Label": row.answer.label,
                "Probability": row.answer.probability * 100,
                "Sure": row.answer.sure,
                "Clothing": row.answer.clothing,
                "Kind": preparation.KINDS[row.answer.kind],
            }
            for row in rows
        ],
        column_config={
            "Picture": st.column_config.ImageColumn(width="small"),
            "Probability": st.column_config.ProgressColumn(
                format="%.1f %%", min_value=0, max_value=100
            ),
        },
        hide_index=True,
        row_height=56,
    )
    st.download_button(
        "Download predictions",
        as_csv([(row.file, row.answer) for row in rows]),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
    )


def as_csv(rows: list[tuple[str, Prediction]]) -> str:
    """A line a picture: file, label, sure, clothing, then the probability of every class."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "label", "sure", "clothing", *CLASSES])
    for name, answer in rows:
        found = dict(answer.ranked)
        shares = [f"{found[c]:.6f}" for c in CLASSES]
        writer.writerow([no_formula(name), answer.label, answer.sure, answer.clothing, *shares])
    return text.getvalue()
