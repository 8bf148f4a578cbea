"""Showing what the network says, and what it saw."""

from __future__ import annotations

import base64
import csv
import html
import io
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from PIL import Image

from alexnet_demo.charts import CLASS_COLORS
from alexnet_demo.config import CLASSES
from alexnet_demo.ui.wording import percent

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.predict import Classifier, Prediction
    from alexnet_demo.preprocess import Kind, Polarity, Prepared, Step

TOP = 5
STEPS_A_ROW = 6  # as many as a wide window holds side by side
KIND_WORDS = {"sketch": "a drawing", "photo": "a photo", "dataset": "a data-set picture"}
_KIND_LABELS = {"auto": "Automatic", "sketch": "Drawing", "photo": "Photo", "dataset": "Data set"}
_POLARITY_LABELS = {"auto": "Automatic", "keep": "As it is", "invert": "Inverted"}
_CSS = Path(__file__).parent / "frontend" / "bars.css"


def show(
    picture: Image.Image | bytes, classifier: Classifier, usual: Kind = "auto", truth: str = ""
) -> Prepared | None:
    """Classify one picture and show label and bars; one sentence where it cannot be used.

    Args:
        picture: as for `preprocess.prepare`.
        classifier: the network to ask.
        usual: its kind where the reader has not chosen one.
        truth: its true class where that is known.

    Returns:
        The steps to show below (see `steps`), or None.
    """
    prepared = read(picture, usual)
    if prepared:
        bars(classifier.predict([prepared])[0], truth)
    return prepared


def read(picture: Image.Image | bytes, usual: Kind = "auto") -> Prepared | None:
    """The steps of one picture; None after one sentence where it cannot be used."""
    from alexnet_demo.preprocess import PictureError, prepare

    try:
        return prepare(picture, *choices(usual))
    except PictureError as error:
        st.error(str(error), icon=":material/error:")
        return None


def bars(answer: Prediction, truth: str = "") -> None:
    """The likeliest class in words, and a bar for each of the likeliest."""
    st.html(_CSS)
    everything = st.session_state.get("all classes", False)
    rows = answer.ranked if everything else answer.ranked[:TOP]
    says = "This looks like" if answer.sure else "Not sure, perhaps"
    note = f"Taken for {KIND_WORDS[answer.kind]} · {answer.ms:.0f} ms"
    if truth:
        note = f"{'Right' if truth == answer.label else f'Wrong: it is {truth}'} · {note}"
    st.html(
        f'<div class="answer" role="status"><div class="says">{says}</div>'
        f'<div class="label">{html.escape(answer.label)} {percent(answer.probability)}</div>'
        f'<div class="note">{html.escape(note)}</div></div>'
        f'<div class="bars" role="list">{"".join(_bar(*row) for row in rows)}</div>'
    )
    st.toggle(f"All {len(CLASSES)} classes", key="all classes")


def _bar(name: str, probability: float) -> str:
    return (
        f'<span class="name">{html.escape(name)}</span><div class="track"><div class="bar" '
        f'style="width:{probability * 100:.2f}%;background:{CLASS_COLORS[name]}"></div></div>'
        f'<span class="percent">{percent(probability)}</span>'
    )


def waiting(words: str) -> None:
    """What stands in the answer's place before there is a picture."""
    st.markdown(f"**{words}**")
    st.caption("It knows ten kinds: " + ", ".join(CLASSES) + ".")


# ------------------------------------------------------------------ what the network sees


def choices(usual: Kind = "auto") -> tuple[Kind, Polarity]:
    """Kind and polarity as chosen under `steps`; ``usual`` where the kind is left automatic."""
    kind: Kind = st.session_state.get("kind") or "auto"
    polarity: Polarity = st.session_state.get("polarity") or "auto"
    return (usual if kind == "auto" else kind), polarity


def controls() -> None:
    """Override what was decided automatically."""
    with st.container(horizontal=True):
        st.segmented_control(
            "Light and dark",
            list(_POLARITY_LABELS),
            format_func=_POLARITY_LABELS.__getitem__,
            default="auto",
            key="polarity",
        )
        st.segmented_control(
            "Kind of picture",
            list(_KIND_LABELS),
            format_func=_KIND_LABELS.__getitem__,
            default="auto",
            key="kind",
        )


def steps(prepared: Prepared | None) -> None:
    """The way from the picture to the network, with controls over it."""
    if prepared is None:
        controls()  # another choice may make the picture usable
        return
    st.subheader("What the network sees", anchor=False)
    controls()
    numbered = list(enumerate(prepared.steps, 1))
    rows = ceil(len(numbered) / STEPS_A_ROW)
    share = ceil(len(numbered) / rows)  # rows alike, lest one step stand alone in the last
    for first in range(0, len(numbered), share):
        with st.container(horizontal=True):
            for number, step in numbered[first : first + share]:
                _step(number, step)


def _step(number: int, step: Step) -> None:
    with st.container(width=165, gap="xxsmall"):
        st.image(png(enlarge(step.image, 165)), width=165, alt=f"{step.name}: {step.explanation}")
        st.markdown(f"**{number}. {step.name}**")
        st.caption(step.explanation)


def enlarge(image: Image.Image, side: int) -> Image.Image:
    """Fitted into a square of ``side`` pixels, its proportions kept; small ones in crisp blocks."""
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    resized = image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX)
    square = Image.new(image.mode, (side, side), "black" if image.mode == "L" else "white")
    square.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


# ------------------------------------------------------------------ many at once


def table(rows: list[tuple[str, Prepared, Prediction]]) -> None:
    """Thumbnail, file, label and probability of each, and the same as CSV."""
    st.dataframe(
        [
            {
                "Picture": data_url(prepared.steps[0].image),
                "File": no_formula(name),  # the table has a CSV download of its own
                "Label": answer.label,
                "Probability": answer.probability * 100,
                "Sure": answer.sure,
                "Kind": prepared.kind,
            }
            for name, prepared, answer in rows
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
        as_csv([(name, answer) for name, _, answer in rows]),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
    )


def data_url(image: Image.Image) -> str:
    """A small PNG as a URL that holds it."""
    return "data:image/png;base64," + base64.b64encode(png(enlarge(image, 96))).decode()


def as_csv(rows: list[tuple[str, Prediction]]) -> str:
    """A line a picture: file, label, sure, then the probability of every class."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "label", "sure", *CLASSES])
    for name, answer in rows:
        found = dict(answer.ranked)
        shares = [f"{found[c]:.6f}" for c in CLASSES]
        writer.writerow([no_formula(name), answer.label, answer.sure, *shares])
    return text.getvalue()


def no_formula(cell: str) -> str:
    """Text that a spreadsheet will not run: a file may be called ``=HYPERLINK(…)``."""
    return f"'{cell}" if cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[:1] in "\t\r" else cell
