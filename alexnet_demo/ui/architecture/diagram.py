"""The block diagram of the network, the article's code, and a panel with the selected layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from alexnet_demo.figures.architecture_svg import CHANNELS_PER_UNIT, block_diagram
from alexnet_demo.ui.architecture import (
    article_code,
    layer_glossary,
    layer_numbers,
    layer_panel,
)
from alexnet_demo.ui.components.component import component_state, register
from alexnet_demo.ui.widgets import query_params

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Summary

_KEY = "arch_diagram"
_diagram = register("diagram", __file__)


@st.fragment
def show(summary: Summary, *, trained: bool) -> None:
    """Show the block diagram and the article's code, and the selected layer below them.

    Args:
        trained: whether it is the article's network: trained models have these layers, so that one
            can look inside them.
    """
    if _KEY not in st.session_state:  # the page has just opened
        query_params.load("layer", *layer_panel.QUERY_PARAMS)
    layer = _valid(component_state(_KEY, "layer") or query_params.get("layer"), summary)
    st.caption(
        "Drawn to scale: the height and depth of a block are the sides of its feature maps in "
        f"pixels, its width is the number of channels, {CHANNELS_PER_UNIT} per pixel. The fully "
        "connected layers are the upright bars. Select a block by click or arrow key."
    )
    result = _diagram(
        data={
            "svg": block_diagram(summary, layer_numbers.image_url()),
            "layer": layer,
            "code": article_code.parts(summary) if trained else [],
        },
        default={"layer": layer},
        key=_KEY,
        on_layer_change=lambda: None,
    )
    layer = _valid(result.layer, summary)
    if layer != query_params.get("layer"):
        for name in ("unit", "channel"):  # of the previous layer
            query_params.put(name, "")
    query_params.put("layer", layer)
    _layer(summary, layer, trained)


def _valid(name: Any, summary: Summary) -> str:
    """The name if it is a block's, else conv1: a browser or a link can send anything."""
    names = ("input", *(layer.name for layer in summary.layers if layer.kind))
    return name if name in names else "conv1"


@st.fragment
def _layer(summary: Summary, name: str, trained: bool) -> None:
    with st.container(border=True, key="arch-layer"):
        if name == "input":
            layer_numbers.show_input(summary.input_shape)
            return
        layer = summary[name]
        view = layer_panel.choose_view(layer) if trained else layer_panel.NUMBERS
        if view == layer_panel.NUMBERS:
            layer_numbers.show(layer, summary)
        else:
            layer_panel.show(view, layer)
        layer_glossary.show(layer, summary.input_shape)
    if not trained:
        st.caption(
            "Weights and feature maps are available for “This demo” only: trained models have its "
            "input, classes, and width."
        )
