"""Widgets of the Architecture page. Torch is imported only once a network is measured."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from alexnet_demo.common.text import dimensions, memory, short_percent
from alexnet_demo.data.fashion_mnist import first_of_each_class
from alexnet_demo.figures import architecture, architecture_svg
from alexnet_demo.settings.article import CLASSES, IMAGE_SIZE
from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.ui.architecture import inside, layer_glossary
from alexnet_demo.ui.components import drawing
from alexnet_demo.ui.components.component import component_state, register
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.widgets import query_params, sample_images

if TYPE_CHECKING:
    from alexnet_demo.network.summary import Layer, Shape, Summary

FIRST_CHOICE = "conv1"
_DIAGRAM = "arch_diagram"  # session state: the diagram's own


@dataclass(frozen=True)
class Choice:
    """The network that the reader asks for."""

    in_channels: int = 1
    classes: int = 10
    width: float = 1.0
    image_size: int = IMAGE_SIZE


DEMO = Choice()
PRESETS = {
    "This demo": DEMO,
    "ImageNet, 3×224×224, 1000 classes": Choice(in_channels=3, classes=1000),
}
_KEYS = ("arch_channels", "arch_classes", "arch_width", "arch_side")


# ---------------------------------------------------------------------- choosing


def choose() -> tuple[Choice, DeltaGenerator]:
    """The presets, and behind a button the four numbers that make a network.

    Returns:
        The choice, and a place beside the numbers to say what is wrong with it.
    """
    for key, value in zip(_KEYS, astuple(Choice()), strict=True):
        st.session_state.setdefault(key, value)
    _name_choice()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Network",
            list(PRESETS),
            key="arch_preset",
            on_change=_take_preset,
            label_visibility="collapsed",
        )
        # Of a fixed width, lest a message widen it and move what the reader has in hand.
        with st.popover("Adjust", icon=":material/tune:"), st.container(width=272):
            _numbers()
            beside = st.container()
    return _chosen(), beside


def _chosen() -> Choice:
    return Choice(*(st.session_state[key] for key in _KEYS))


def _name_choice() -> None:
    """Let the presets' switch say which of them the numbers amount to, if any."""
    names = {choice: name for name, choice in PRESETS.items()}
    st.session_state["arch_preset"] = names.get(_chosen())


def _take_preset() -> None:
    preset = PRESETS.get(st.session_state["arch_preset"] or "")
    if preset:
        for key, value in zip(_KEYS, astuple(preset), strict=True):
            st.session_state[key] = value


def _numbers() -> None:
    channels, classes, width, side = _KEYS
    limit = SETTINGS["width"]
    st.number_input(
        "Input channels", 1, 64, key=channels, help="1 for grey pictures, 3 for colour."
    )
    st.number_input("Classes", 1, 21_841, key=classes, help="What the network tells apart.")
    st.number_input(
        "Width",
        *(limit.low, limit.high),
        key=width,
        step=0.25,
        help="Multiplies the channels of every convolution and the units of fc6 and fc7.",
    )
    st.number_input(
        "Picture side in pixels",
        *(16, 1024),
        key=side,
        step=16,
        help="Pictures are square. The three pools need at least 67 pixels.",
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def measure(choice: Choice) -> Summary:
    """Layer records of the chosen network.

    Raises:
        ValueError: when the network cannot be built; the message says why.
    """
    import torch

    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.summary import summarize

    # Shapes need no values: on the meta device even a wide network takes no memory.
    with torch.device("meta"):
        model = AlexNet(choice.classes, choice.in_channels, choice.width, choice.image_size)
    return summarize(model)


# ---------------------------------------------------------------------- diagram


_diagram = register("diagram", __file__)


@st.cache_data(show_spinner=False)
def _picture_url() -> str:
    """The picture that stands for all others, as a URL; empty where the data set is not there."""
    boots = [
        sample.pixels for sample in first_of_each_class() if CLASSES[sample.label] == "Ankle boot"
    ]
    return sample_images.image_url(boots[0]) if boots else ""


@st.fragment
def explore(summary: Summary, *, trained: bool) -> None:
    """The block diagram, and below it the chosen layer in its own numbers.

    Args:
        trained: whether trained networks have these layers, to look inside them.
    """
    if _DIAGRAM not in st.session_state:  # the page was opened just now
        query_params.load("layer", *inside.LINKED)
    chosen = _known(component_state(_DIAGRAM, "layer") or query_params.get("layer"), summary)
    result = _diagram(
        data={"svg": architecture_svg.block_diagram(summary, _picture_url()), "layer": chosen},
        default={"layer": chosen},
        key=_DIAGRAM,
        on_layer_change=lambda: None,
    )
    st.caption(
        "To scale: height and depth are a feature map's sides in pixels, width is its number of "
        f"channels, {architecture_svg.CHANNELS_PER_UNIT} to a pixel. The fully connected layers "
        "stand upright. Choose a block by click or arrow key."
    )
    chosen = _known(result.layer, summary)
    if chosen != query_params.get("layer"):
        query_params.put("unit", "")  # which was one of another layer
    query_params.put("layer", chosen)
    _chosen_layer(summary, chosen, trained)


def _known(name: Any, summary: Summary) -> str:
    """The block of that name, else the first (a browser or a link can send anything)."""
    names = ("input", *(layer.name for layer in summary.layers if layer.kind))
    return name if name in names else FIRST_CHOICE


@st.fragment
def _chosen_layer(summary: Summary, name: str, trained: bool) -> None:
    """What there is to see of a layer."""
    with st.container(border=True, key="arch-layer"):
        if name == "input":
            _explain_input(summary.input_shape)
            return
        layer = summary[name]
        view = inside.choose(layer) if trained else inside.NUMBERS
        if view == inside.NUMBERS:
            _explain(layer, summary)
        else:
            inside.show(view, layer)
        layer_glossary.show(layer, summary.input_shape)
    if not trained:
        st.caption(
            "Weights and feature maps can be seen for “This demo” only: trained networks have its "
            "input, classes and width."
        )


def _explain_input(shape: Shape) -> None:
    channels, height, width = shape
    words = "one grey value" if channels == 1 else f"{channels} values"
    st.markdown(f"**input** · {height}×{width} pixels with {words} each")
    st.markdown(
        "A Fashion-MNIST picture has 28×28 pixels. It is enlarged so that AlexNet's large first "
        "filters and its three pools have something to work on."
    )


def _explain(layer: Layer, summary: Summary) -> None:
    st.markdown(f"**{layer.name}** · {_in_words(layer)}")
    output, params, work = (c.container(gap="xsmall") for c in st.columns(3))
    output.metric("Output", dimensions(layer.output_shape))
    if layer.size_formula:
        output.markdown(f"`{layer.size_formula}`")
    params.metric(_of_all("Parameters", layer.params, summary.total_params), f"{layer.params:,}")
    work.metric(_of_all("Multiply-accumulates", layer.macs, summary.total_macs), f"{layer.macs:,}")
    if layer.params:
        params.markdown(f"`{layer.params_formula}`")
        work.markdown(f"`{layer.macs_formula}`")
    sight, batch_memory = st.columns([1.2, 1], gap="large", vertical_alignment="center")
    with sight:
        drawing.drawing(
            architecture_svg.receptive_field(summary, layer.name, _picture_url()),
            f"alexnet-{layer.name}-sees",
            key=f"sight {layer.name}",
        )
    with batch_memory:
        st.markdown(_sight(layer))
        batch = st.number_input(
            "Batch size", 1, SETTINGS["batch_size"].high, 128, key="arch_batch", width=140
        )
        st.markdown(
            f"Its output takes {memory(layer.activation_bytes)} for one picture and "
            f"**{memory(layer.activation_bytes * int(batch))}** for a batch of {batch}."
        )


def _sight(layer: Layer) -> str:
    """What the drawing beside it shows."""
    sees = f"{layer.receptive_field}×{layer.receptive_field}"
    words = f"One unit sees {sees} pixels of the picture"
    if len(layer.output_shape) == 1:
        return f"{words}: all that the convolutions' strides reach."
    if layer.name == FIRST_CHOICE:
        return f"{words}. Drawn is the one in the middle."
    return (
        f"{words}. Drawn is the one in the middle, and within its frame what the middle unit of "
        "each layer before sees: so the view grows."
    )


def _of_all(label: str, part: int, whole: int) -> str:
    return f"{label} · {short_percent(part / whole)} of all" if part else label


def _in_words(layer: Layer) -> str:
    """What the layer does, in one line."""
    units = layer.output_shape[0]
    if layer.kind == "conv":
        return f"{units} filters of {layer.kernel}×{layer.kernel}, moved by {layer.stride}"
    if layer.kind == "pool":
        window = f"{layer.kernel}×{layer.kernel}"
        return f"keeps the largest value of each {window} window, moved by {layer.stride}"
    return f"each of {units:,} units weighs all {layer.input_shape[0]:,} inputs"


# ------------------------------------------------------------------------ shares


def shares(summary: Summary) -> None:
    """Parameters beside work, with the sentence that the figure is there for."""
    st.subheader("Where the parameters sit, and where the work is done", anchor=False)
    held, done = summary.share("fc", "params"), summary.share("conv", "macs")
    st.markdown(
        f"The fully connected layers hold **{held:.0%}** of the parameters; the convolutions do "
        f"**{done:.0%}** of the work. A filter is small, but it is used at every position."
    )
    live_plot(
        architecture.params_and_macs(summary),
        "Each layer's share of the parameters and of the multiply-accumulates",
        "shares",
        zoom=False,
    )
