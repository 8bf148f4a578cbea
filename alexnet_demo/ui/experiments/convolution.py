"""Convolution by hand: a window slides over an image and fills a feature map, number by number."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from alexnet_demo.common.errors import CheckpointError, DataError
from alexnet_demo.images import strokes
from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.prepared import Choices
from alexnet_demo.settings import paths
from alexnet_demo.ui.components.canvas import canvas
from alexnet_demo.ui.components.component import component_state, register
from alexnet_demo.ui.models import model_loading, test_image
from alexnet_demo.ui.models.datasets import test_arrays
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import plain, sections

TEXTS = sections(Path(__file__).with_suffix(".md"))
SETTINGS = ("kernel", "size", "stride", "padding", "side")
"""Names in the address; what they hold is validated in the browser, where it has an effect."""
CONV1 = "AlexNet's conv1"
MAX_FILTERS = 24
DRAWING = "Your drawing"
_KEY = "convolution"
_MAX_LENGTH = 2_000  # of a setting: 121 weights of a kernel
_mount = register(
    "convolution", __file__, parts=("convolution_math", "convolution_text", "convolution_map")
)


@st.fragment
def show() -> None:
    """The lesson: its text, an image to choose or draw, and the convolution of it."""
    st.markdown(TEXTS["What happens"])
    try:
        pixels = _choose_image()
    except DataError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if _KEY not in st.session_state:
        query_params.load(*SETTINGS)
    settings = {name: query_params.get(name) for name in SETTINGS}
    for name, value in settings.items():
        query_params.put(name, value)
    _mount(
        data={
            "image": base64.b64encode(pixels.tobytes()).decode(),
            "settings": settings,
            "conv1": (paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS).is_file(),
            "filters": _filters() if settings["kernel"].startswith(CONV1) else [],
        },
        key=_KEY,
        on_settings_change=_store,
    )
    st.caption(
        "Maps with negative values: gray is 0, lighter is positive, darker is negative. Others: "
        "black is 0. Numbers are shown rounded, and computed without rounding."
    )
    st.markdown(f"**Try it**\n\n{TEXTS['Try it']}")
    explain("Convolution, stride, and padding")


def _choose_image() -> np.ndarray:
    """The image to convolve, uint8 (28, 28), 0 background to 255.

    Raises:
        DataError: when the test set cannot be read.
    """
    if query_params.choice("Image", ["Test image", DRAWING], "image") == DRAWING:
        with st.container(width=320):
            drawing = strokes.render(canvas())
        return prepare(drawing, Choices("dataset", "invert")).views[0]
    return test_arrays()[0][test_image.choose("sample")]


def _store() -> None:
    """Put the settings that the browser sent into the address."""
    settings = component_state(_KEY, "settings")
    for name in SETTINGS if isinstance(settings, dict) else ():
        query_params.put(name, str(settings.get(name, ""))[:_MAX_LENGTH])


def _filters() -> list[dict[str, Any]]:
    """The included model's conv1 filters with the largest norms; none if it cannot be read."""
    path = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    try:
        return _read_filters(str(path), model_loading.digest(path))
    except (CheckpointError, OSError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return []


@st.cache_data(max_entries=2, show_spinner="Loading conv1… (The first time, this loads PyTorch.)")
def _read_filters(path: str, digest: str) -> list[dict[str, Any]]:
    from alexnet_demo.network.checkpoint import load_part
    from alexnet_demo.network.quantization import dequantize

    tensors = dequantize(load_part(Path(path), "net.conv1."))
    weights, biases = tensors["weight"].flatten(1), tensors["bias"]
    strongest = weights.norm(dim=1).argsort(descending=True)[:MAX_FILTERS]
    return [
        {"number": n, "weights": weights[n].tolist(), "bias": float(biases[n])}
        for n in strongest.tolist()
    ]
