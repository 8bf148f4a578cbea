"""Inside a trained network: which network, beside which other, for which picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image

from alexnet_demo.common.errors import BusyError, DataError, ImageError
from alexnet_demo.images import strokes as drawing
from alexnet_demo.settings.article import TEST_SAMPLES
from alexnet_demo.ui.architecture.activations import Network
from alexnet_demo.ui.architecture.layer_views import output, weights
from alexnet_demo.ui.architecture.one_unit import one_unit
from alexnet_demo.ui.architecture.softmax import decision
from alexnet_demo.ui.components import canvas
from alexnet_demo.ui.models import datasets, model_loading, model_picker
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.image_upload import IMAGE_TYPES, MAX_FILE_MB, is_too_large
from alexnet_demo.ui.widgets.markdown import plain

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.summary import Layer

LINKED = ("view", "picture", "beside", "unit")  # what a link may say of a layer
NUMBERS = "In numbers"
NONE, UNTRAINED = "Nothing", "untrained"
TEST, DRAWN, OWN = "Test picture", "My drawing", "A file"
_VIEW, _BESIDE, _NUMBER, _KIND = (
    *("inside view", "inside beside", "inside number"),
    "inside picture",
)

View = Callable[["Layer", Network, Any, str], None]
"""Shows a layer of a network for a picture, under a key that is unique on the page."""
_VIEWS: dict[str, View] = {
    "Weights": weights,
    "Output": output,
    "One unit": one_unit,
    "Decision": decision,
}


def choose(layer: Layer) -> str:
    """Let the reader choose what to see of a layer."""
    views = [NUMBERS, "Output"]
    if layer.params:
        views.insert(1, "Weights")
    if len(layer.output_shape) == 3:
        views.append("One unit")
    if layer.name == "fc8":
        views.append("Decision")
    st.session_state.setdefault(_VIEW, query_params.get("view"))
    if st.session_state[_VIEW] not in views:
        st.session_state[_VIEW] = NUMBERS
    view: str | None = st.segmented_control(
        "What to see", views, key=_VIEW, label_visibility="collapsed", required=True
    )
    query_params.put("view", view or NUMBERS)
    return view or NUMBERS


def show(view: str, layer: Layer) -> None:
    """A view of a layer, in the chosen network, and beside it in another one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        classifier = model_picker.show(live=True)
        if classifier is None:
            return
        options = {option.id: option for option in model_loading.options()}
        beside = _beside(options)
        picture = _picture() if view != "Weights" else None
    if view != "Weights" and picture is None:
        return
    networks = [_network("", classifier)]
    if beside != NONE:
        try:
            other = _other(beside, options, classifier)
            title = "Trained" if beside == UNTRAINED else "Chosen"
            networks = [_network(title, classifier), other]
        except ValueError as error:
            st.error(plain(str(error)), icon=":material/error:")
    places = list(st.columns(len(networks), gap="large"))
    for number, (network, place) in enumerate(zip(networks, places, strict=True)):
        with place:
            if network.title:
                st.markdown(f"**{plain(network.title)}**")
            try:
                _VIEWS[view](layer, network, picture, f"{view} {layer.name} {number}")
            except BusyError as error:
                st.warning(str(error), icon=":material/hourglass_top:")


# ------------------------------------------------------------------ networks


def _beside(options: dict[str, model_loading.Option]) -> str:
    """Let the reader choose a second network."""
    labels = {NONE: NONE, UNTRAINED: "The same, untrained"}
    chosen = model_loading.selected().id
    labels |= {option.id: option.label for option in options.values() if option.id != chosen}
    st.session_state.setdefault(_BESIDE, query_params.get("beside"))
    if st.session_state[_BESIDE] not in labels:
        st.session_state[_BESIDE] = NONE
    beside: str = st.selectbox(
        "Beside it",
        list(labels),
        format_func=lambda i: labels.get(i, i),
        key=_BESIDE,
        width=260,
    )
    query_params.put("beside", "" if beside == NONE else beside)
    return beside


def _other(beside: str, options: dict[str, model_loading.Option], chosen: Classifier) -> Network:
    """The second network.

    Raises:
        ValueError: when its file cannot be used.
    """
    if beside == UNTRAINED:
        width = chosen.model.width
        return Network("The same, untrained", _untrained(width), f"untrained {width}")
    return _network(options[beside].label, model_loading.load(options[beside]))


def _network(title: str, classifier: Classifier) -> Network:
    return Network(title, classifier.model, classifier.digest, classifier.confidence.temperature)


@st.cache_resource(max_entries=4, show_spinner=False)
def _untrained(width: float) -> AlexNet:
    """A network with PyTorch's own first weights, always the same ones."""
    import torch

    from alexnet_demo.network.alexnet import AlexNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AlexNet(width=width).eval()


# ------------------------------------------------------------------ the picture


def _picture() -> np.ndarray | None:
    """The reader's choice as the network sees it, uint8 (side, side); None where there is none."""
    strokes = st.session_state.get(canvas.STASH)
    kinds = [TEST, DRAWN, OWN] if strokes else [TEST, OWN]
    st.session_state.setdefault(_KIND, query_params.get("picture"))
    if st.session_state[_KIND] not in kinds:
        st.session_state[_KIND] = TEST
    kind = st.selectbox("Picture", kinds, key=_KIND, width=160)
    if kind == TEST:
        return _test_picture()
    query_params.put("picture", kind)
    if kind == DRAWN:
        try:
            return _prepared(drawing.render(drawing.parse(strokes)), "sketch")
        except ImageError as error:
            st.error(str(error), icon=":material/error:")
            return None
    file = st.file_uploader("File", IMAGE_TYPES, key="inside file", max_upload_size=MAX_FILE_MB)
    if file is None or is_too_large(file):
        return None
    return _prepared(file.getvalue(), "auto")


def _test_picture() -> np.ndarray | None:
    st.session_state.setdefault(
        _NUMBER, query_params.parse_index(query_params.get("picture"), TEST_SAMPLES) or 0
    )
    number = int(st.number_input("Number", 0, TEST_SAMPLES - 1, key=_NUMBER, width=130))
    query_params.put("picture", str(number))
    try:
        return datasets.test_set().images[number].numpy()
    except DataError as error:
        st.error(str(error), icon=":material/error:")
        return None


@st.cache_data(max_entries=16, show_spinner=False)
def _prepared(picture: Image.Image | bytes, kind: Any) -> np.ndarray | None:
    from alexnet_demo.images.prepare import prepare
    from alexnet_demo.images.prepared import Choices

    try:
        return prepare(picture, Choices(kind)).views[0]
    except ImageError as error:
        st.error(str(error), icon=":material/error:")
        return None
