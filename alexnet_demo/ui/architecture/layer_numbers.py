"""A layer in numbers: output size, parameters, MACs, receptive field, and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.common.text import dimensions, memory, short_percent
from alexnet_demo.data.fashion_mnist import first_of_each_class
from alexnet_demo.figures import architecture_svg
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.ui.components.component import register
from alexnet_demo.ui.widgets import sample_images

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Layer, Shape, Summary

_drawing = register("drawing", __file__)  # an SVG image that can be saved as SVG or PNG


@st.cache_data(show_spinner=False)
def image_url() -> str:
    """The example image in the drawings, as a URL; empty if the dataset is missing."""
    pixels = {CLASSES[sample.label]: sample.pixels for sample in first_of_each_class()}
    return sample_images.image_url(pixels["Ankle boot"]) if pixels else ""


def show_input(shape: Shape) -> None:
    """The block before the first layer."""
    channels, height, width = shape
    values = "one gray value" if channels == 1 else f"{channels} values"
    st.markdown(f"**input** · {height}×{width} pixels, {values} each")
    st.markdown(
        "Fashion-MNIST images have 28×28 pixels. They are enlarged because AlexNet's large first "
        "filters and its three pooling layers would leave nothing of so small an input."
    )


def show(layer: Layer, summary: Summary) -> None:
    """A layer's numbers, with the formulas behind them."""
    st.markdown(f"**{layer.name}** · {_description(layer)}")
    output, params, macs = (c.container(gap="xsmall") for c in st.columns(3))
    output.metric("Output", dimensions(layer.output_shape))
    if layer.size_formula:
        output.markdown(f"`{layer.size_formula}`")
    params.metric(_label("Parameters", layer.params, summary.total_params), f"{layer.params:,}")
    macs.metric(_label("MACs", layer.macs, summary.total_macs), f"{layer.macs:,}")
    if layer.params:
        params.markdown(f"`{layer.params_formula}`")
        macs.markdown(f"`{layer.macs_formula}`")
    left, right = st.columns([1.2, 1], gap="large", vertical_alignment="center")
    with left:
        svg = architecture_svg.receptive_field(summary, layer.name, image_url())
        name = f"alexnet-{layer.name}-receptive-field"  # of the file that can be saved
        _drawing(data={"svg": svg, "name": name}, key=f"receptive field {layer.name}")
    with right:
        st.markdown(_receptive_field(layer))
        batch = st.number_input(
            "Batch size", 1, int(SETTINGS["batch_size"].bounds[1]), 128, key="arch_batch", width=140
        )
        st.markdown(
            f"The output takes {memory(layer.activation_bytes)} for one image and "
            f"**{memory(layer.activation_bytes * int(batch))}** for a batch of {batch}."
        )


def _description(layer: Layer) -> str:
    window = f"{layer.kernel}×{layer.kernel}"
    if layer.kind == "conv":
        return f"{layer.output_shape[0]} filters of {window}, stride {layer.stride}"
    if layer.kind == "pool":
        return f"maximum of each {window} window, stride {layer.stride}"
    return f"{layer.output_shape[0]:,} units, each connected to all {layer.input_shape[0]:,} inputs"


def _label(name: str, part: int, total: int) -> str:
    return f"{name} · {short_percent(part / total)} of all" if part else name


def _receptive_field(layer: Layer) -> str:
    """The text beside the drawing of the receptive field."""
    side = layer.receptive_field
    text = f"The receptive field of a unit is {side}×{side} pixels of the image"
    if len(layer.output_shape) == 1:
        return f"{text}: everything that the convolutions cover."
    if layer.name == "conv1":
        return f"{text}. The drawing shows that of the middle unit."
    return (
        f"{text}. The drawing shows that of the middle unit, and inside it those of the middle "
        "units of all earlier layers: the field grows from layer to layer."
    )
