"""Short explanations of what a layer does, with that layer's own numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.ui.widgets.markdown import sections

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.network.summary import Layer, Shape


@dataclass(frozen=True)
class Entry:
    """A question and its answer in Markdown, with the names of `answer` in braces."""

    question: str
    answer: str


_SECTIONS = sections(Path(__file__).with_suffix(".md"))
ENTRIES = {
    key: Entry(question, answer)
    for heading, answer in _SECTIONS.items()
    for key, question in [heading.split(": ", 1)]
}
"""The sections of ``layer_glossary.md``, whose headings are ``key: question``."""
_KEYS = {
    "conv": ("convolution", "stride", "padding", "relu", "receptive_field", "work"),
    "pool": ("pooling", "stride", "receptive_field"),
    "fc": ("fully_connected", "softmax", "relu", "dropout", "work"),
}


def entries(layer: Layer) -> list[Entry]:
    """The entries that apply to a layer."""
    hidden = layer.name != "fc8"
    applies = {
        "stride": (layer.stride or 1) > 1,
        "padding": bool(layer.padding),
        "softmax": not hidden,
        "relu": hidden,
        "dropout": hidden,
    }
    return [ENTRIES[key] for key in _KEYS.get(layer.kind, ()) if applies.get(key, True)]


def answer(entry: Entry, layer: Layer, input_shape: Shape) -> str:
    """An entry's answer for a layer, in Markdown.

    Args:
        input_shape: (channels, height, width) of the network's input.
    """
    inputs, positions = layer.input_shape[0], prod(layer.output_shape[1:])
    values = {
        "name": layer.name,
        "kernel": layer.kernel,
        "stride": layer.stride,
        "padding": layer.padding,
        "trim": (layer.kernel or 1) - 1,
        "formula": layer.size_formula,
        "inputs": f"{inputs:,}",
        "channels": "the one input channel"
        if inputs == 1
        else f"each of the {inputs} input channels",
        "units": f"{layer.output_shape[0]:,}",
        "positions": f"{positions:,}",
        "field": layer.receptive_field,
        "side": input_shape[-1],
        "params": f"{layer.params:,}",
        "params_formula": layer.params_formula,
        "macs": f"{layer.macs:,}",
        "reuse": "once" if positions == 1 else f"{positions:,} times",
    }
    return re.sub(r"\{(\w+)\}", lambda name: str(values[name[1]]), entry.answer)


def show(layer: Layer, input_shape: Shape) -> None:
    """A row of questions; each opens its answer."""
    with st.container(horizontal=True, gap="small"):
        for entry in entries(layer):
            with st.popover(entry.question, type="tertiary"), st.container(width=360):
                st.markdown(answer(entry, layer, input_shape))
