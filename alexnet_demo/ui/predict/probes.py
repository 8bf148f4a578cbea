"""Probes of the network with the image on Predict: evidence, covering, a push, and a morph."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from alexnet_demo.common.errors import BusyError, DataError
from alexnet_demo.figures.path import path_figure
from alexnet_demo.images import strokes
from alexnet_demo.images.encode import data_url
from alexnet_demo.images.prepared import PreparedImage
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.canvas import canvas
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.models import evidence, test_image
from alexnet_demo.ui.models.datasets import test_set
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import sections
from alexnet_demo.ui.widgets.one_of import one_of
from alexnet_demo.ui.widgets.prediction_view import TOP, phrase, show_prediction

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.inference.classifier import Classifier

LESSONS = sections(Path(__file__).with_suffix(".md"))
"""What a probe does and what to try, by its name."""
OFF = "Off"
MAX_PUSH = 16  # gray levels
GRADIENT, RANDOM = "Against the prediction", "Random"
SHIRT, T_SHIRT = 4, 19  # test images, each the default to morph into
_ROW = 440  # pixels: three tiles of a gallery


@st.fragment
def show(prepared: PreparedImage | None, classifier: Classifier) -> None:
    """Let the reader choose a probe of the network with an image's first view; none without one."""
    if prepared is None:
        return
    with st.container(key="probes"):
        st.subheader("Probe the network", anchor=False)
        name = query_params.choice("Probe", [OFF, *PROBES], "probe")
        if name == OFF:
            st.caption("Test what the prediction depends on.")
            return
        st.markdown(LESSONS[name])
        try:
            PROBES[name](prepared.views[0], classifier)
        except BusyError as error:
            st.warning(str(error), icon=":material/hourglass_top:")
        except DataError as error:
            st.error(str(error), icon=":material/error:")


@st.cache_data(max_entries=64, show_spinner=False)
def _probabilities(digest: str, images: np.ndarray, _classifier: Classifier) -> np.ndarray:
    """Class probabilities by the model with this digest, for all sessions."""
    return BATCHER.probabilities(_classifier, images)


def _evidence(pixels: np.ndarray, classifier: Classifier) -> None:
    (probabilities,) = _probabilities(classifier.digest, pixels[None], classifier)
    first, second = probabilities.argsort()[::-1][:2].tolist()
    roles = {f"{CLASSES[first]} (predicted)": first, f"{CLASSES[second]} (second guess)": second}
    evidence.show(classifier, pixels, roles)


# ------------------------------------------------------------------ covering by hand


def _cover(pixels: np.ndarray, classifier: Classifier) -> None:
    image = Image.fromarray(pixels)
    key = f"cover {hashlib.blake2b(pixels.tobytes(), digest_size=8).hexdigest()}"
    left, right = st.columns(2, gap="large")
    with left:
        drawing = canvas(key, f"{key} strokes", data_url(image, len(pixels)))
    ink = strokes.render(drawing).resize(image.size, Image.Resampling.BOX)
    covered = np.where(np.asarray(ink) < 128, 0, pixels).astype(np.uint8)
    images = np.stack([pixels, covered])
    before, after = _probabilities(classifier.digest, images, classifier)
    with right:
        note = f"Without covering: {_in_words(before)}"
        order = before.argsort()[::-1][:TOP].tolist()
        rows = [(CLASSES[n], float(after[n])) for n in order]
        show_prediction("Predicted as", _in_words(after), note, rows)


# ------------------------------------------------------------------ a small push


def _push(pixels: np.ndarray, classifier: Classifier) -> None:
    from alexnet_demo.network.adversarial import push

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state.setdefault("push size", 4)
        size = st.slider("ε, in gray levels of 255", 0, MAX_PUSH, key="push size", width=300)
        kind = one_of("Direction", [GRADIENT, RANDOM], "push direction")
    (before,) = _probabilities(classifier.digest, pixels[None], classifier)
    label, sizes = int(before.argmax()), range(MAX_PUSH + 1)
    if kind == RANDOM:
        direction = np.random.default_rng(0).choice((-1, 1), pixels.shape)
    else:
        direction = _gradient_sign(classifier.digest, pixels, label, classifier)
    images = push(pixels, direction, sizes)
    probabilities = _probabilities(classifier.digest, images, classifier)
    after = probabilities[size]
    change = (images[size].astype(float) - pixels) / max(1, size)
    _show_images(
        "push images",
        ("Before", pixels, _in_words(before)),
        ("Change", (127.5 + 127.5 * change).astype(np.uint8), "magnified; gray: none"),
        ("After", images[size], _in_words(after)),
    )
    figure = path_figure(sizes, probabilities, size, "ε (gray levels)")
    alt = f"Class probabilities by ε. At {size} gray levels: {_in_words(after)}"
    live_plot(figure, alt, "push probabilities", zoom=False)
    explain("Why a small push is enough")


@st.cache_data(max_entries=64, show_spinner=False)
def _gradient_sign(
    digest: str, pixels: np.ndarray, label: int, _classifier: Classifier
) -> np.ndarray:
    """`gradient_sign` for the model with this digest, for all sessions."""
    from alexnet_demo.network.adversarial import gradient_sign

    return BATCHER.submit(partial(gradient_sign, _classifier.model, pixels, label))


def _show_images(key: str, *images: tuple[str, np.ndarray, str]) -> None:
    """Images in a row, also on a phone, each with a name and a second line below it."""
    tiles = [
        Tile(n, data_url(Image.fromarray(pixels), len(pixels)), f"{name}: {detail}", name, detail)
        for n, (name, pixels, detail) in enumerate(images)
    ]
    with st.container(width=_ROW):
        gallery(tiles, key, clickable=False)


def _in_words(probabilities: np.ndarray) -> str:
    """The most probable class, such as ``a shirt (93.4%)``."""
    best = int(probabilities.argmax())
    return phrase(CLASSES[best], float(probabilities[best]))


# ------------------------------------------------------------------ a morph


def _morph(pixels: np.ndarray, classifier: Classifier) -> None:
    from alexnet_demo.network.morph import STEPS, morph

    (own,) = _probabilities(classifier.digest, pixels[None], classifier)
    default = SHIRT if CLASSES[own.argmax()] == "T-shirt/top" else T_SHIRT
    number = test_image.choose("into", default)
    images = morph(pixels, test_set().images[number].numpy())
    probabilities = _probabilities(classifier.digest, images, classifier)
    step = 100 // (STEPS - 1)
    share = st.slider(
        "Share of the test image", 0, 100, 50, step, format="%d%%", key="morph share", width=300
    )
    selected = probabilities[share // step]
    _show_images(
        "morph images",
        ("This image", images[0], _in_words(probabilities[0])),
        (f"{share}%", images[share // step], _in_words(selected)),
        (f"Test image {number}", images[-1], _in_words(probabilities[-1])),
    )
    figure = path_figure(range(0, 101, step), probabilities, share, "Share of the test image")
    figure.update_xaxes(ticksuffix="%")
    alt = f"Class probabilities by share of the test image. At {share}%: {_in_words(selected)}"
    live_plot(figure, alt, "morph probabilities", zoom=False)
    explain("Between two images")


PROBES: dict[str, Callable[[np.ndarray, Classifier], None]] = {
    "Evidence": _evidence,
    "Cover": _cover,
    "Small push": _push,
    "Morph": _morph,
}
