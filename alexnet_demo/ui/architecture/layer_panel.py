"""The views of a layer in a trained model: which view, which models, and which input image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from alexnet_demo.common.errors import BusyError, DataError, ImageError
from alexnet_demo.images import strokes
from alexnet_demo.settings.article import TEST_SAMPLES
from alexnet_demo.ui.architecture.channel_tops import show_tops
from alexnet_demo.ui.architecture.layer_views import ViewedModel, show_output, show_weights
from alexnet_demo.ui.architecture.one_unit import show_unit
from alexnet_demo.ui.architecture.softmax import show_softmax
from alexnet_demo.ui.components import canvas
from alexnet_demo.ui.models import datasets, model_loading, model_picker
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.image_upload import FORMATS_NOTE, MAX_FILE_MB, is_too_large
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.one_of import one_of

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.summary import Layer

QUERY_PARAMS = ("view", "picture", "beside", "unit", "channel")
NUMBERS = "In numbers"
WEIGHTS, TOPS = "Weights", "What excites it"
# Values in the address, and the labels that stand for them.
NONE, UNTRAINED = "Nothing", "untrained"
TEST, DRAWN, UPLOAD = "Test picture", "My drawing", "A file"
_IMAGE_LABELS = {TEST: "Test image", DRAWN: "My drawing", UPLOAD: "Upload"}
# Widgets.
_VIEW, _OTHER, _IMAGE, _NUMBER = "inside view", "inside beside", "inside picture", "inside number"

View = Callable[["Layer", ViewedModel, Any, str], None]
"""Shows a layer of a model for an image, under a key that is unique on the page."""
_VIEWS: dict[str, View] = {
    WEIGHTS: show_weights,
    TOPS: show_tops,
    "Output": show_output,
    "One unit": show_unit,
    "Decision": show_softmax,
}


def choose_view(layer: Layer) -> str:
    """Let the reader choose a view of a layer; returns `NUMBERS` or a key of `_VIEWS`."""
    views = [
        NUMBERS,
        *([WEIGHTS] if layer.params else []),
        *([TOPS] if layer.kind == "conv" else []),
        "Output",
        *(["One unit"] if len(layer.output_shape) == 3 else []),
        *(["Decision"] if layer.name == "fc8" else []),
    ]
    view = one_of("View", _from_address(_VIEW, "view", views), _VIEW, label_hidden=True)
    query_params.put("view", view)
    return view


def _from_address(key: str, name: str, options: list[str]) -> list[str]:
    """Set a widget to the option in the address, or to the first; returns the options."""
    st.session_state.setdefault(key, query_params.get(name))
    if st.session_state[key] not in options:
        st.session_state[key] = options[0]
    return options


def show(view: str, layer: Layer) -> None:
    """Show a view of a layer in the selected model, and next to it in a second one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        # The weights of a run in progress change too often for a pass over the test images.
        classifier = model_picker.show(live=view != TOPS)
        if classifier is None:
            return
        selected = model_loading.selected().id
        others = {o.id: o for o in model_loading.options() if o.id != selected}
        other = _choose_other({id_: option.label for id_, option in others.items()})
        needs_image = view not in (WEIGHTS, TOPS)
        image = _choose_image() if needs_image else None
    if needs_image and image is None:
        return
    models = [_viewed(classifier)]
    if other == UNTRAINED:
        width, activation = classifier.model.width, classifier.model.activation
        id_ = f"untrained {width} {activation}"
        untrained = ViewedModel(_untrained(width, activation), id_, "Untrained network")
        models = [_viewed(classifier, "Trained"), untrained]
    elif other != NONE and (second := model_loading.load_or_show_error(others[other])):
        models = [_viewed(classifier, "Selected"), _viewed(second, others[other].label)]
    columns = st.columns(len(models), gap="large")
    for number, (model, column) in enumerate(zip(models, columns, strict=True)):
        with column:
            if model.title:
                st.markdown(f"**{plain(model.title)}**")
            try:
                _VIEWS[view](layer, model, image, f"{view} {layer.name} {number}")
            except BusyError as error:
                st.warning(str(error), icon=":material/hourglass_top:")


def _viewed(classifier: Classifier, title: str = "") -> ViewedModel:
    temperature = classifier.confidence.temperature
    return ViewedModel(classifier.model, classifier.digest, title, temperature)


def _choose_other(models: dict[str, str]) -> str:
    """Let the reader choose a second model; returns `NONE`, `UNTRAINED`, or a model's id.

    Args:
        models: ids → labels.
    """
    labels = {NONE: "None", UNTRAINED: "Untrained network", **models}
    other: str = st.selectbox(
        "Compare with",
        _from_address(_OTHER, "beside", list(labels)),
        format_func=lambda i: labels.get(i, i),
        key=_OTHER,
        width=260,
    )
    query_params.put("beside", "" if other == NONE else other)
    return other


@st.cache_resource(max_entries=4, show_spinner=False)
def _untrained(width: float, activation: str) -> AlexNet:
    """A network with PyTorch's default initialization, always with the same seed."""
    from alexnet_demo.network.alexnet import seeded

    return seeded(0, width=width, activation=activation)


def _choose_image() -> np.ndarray | None:
    """Let the reader choose the input image, uint8 (side, side); None if there is none."""
    drawn = st.session_state.get(canvas.DRAWING)
    kind = st.selectbox(
        "Image",
        _from_address(_IMAGE, "picture", [TEST, *([DRAWN] if drawn else []), UPLOAD]),
        format_func=lambda kind: _IMAGE_LABELS.get(kind, kind),
        key=_IMAGE,
        width=160,
    )
    try:
        if kind == TEST:
            return _choose_test_image()
        query_params.put("picture", kind)
        if kind == DRAWN:
            return _prepared(strokes.render(strokes.parse(drawn)), "sketch")
        file = st.file_uploader(
            "File", key="inside file", max_upload_size=MAX_FILE_MB, help=FORMATS_NOTE
        )
        return None if file is None or is_too_large(file) else _prepared(file.getvalue(), "auto")
    except (DataError, ImageError) as error:
        st.error(str(error), icon=":material/error:")
        return None


def _choose_test_image() -> np.ndarray:
    linked = query_params.parse_index(query_params.get("picture"), TEST_SAMPLES)
    st.session_state.setdefault(_NUMBER, linked or 0)
    number = int(st.number_input("Number", 0, TEST_SAMPLES - 1, key=_NUMBER, width=130))
    query_params.put("picture", str(number))
    return datasets.test_set().images[number].numpy()


@st.cache_data(max_entries=16, show_spinner=False)
def _prepared(image: Image.Image | bytes, kind: Any) -> np.ndarray:
    from alexnet_demo.images.prepare import prepare
    from alexnet_demo.images.prepared import Choices

    return prepare(image, Choices(kind)).views[0]
