"""For each unit of a layer, the closest earlier one; compared once for all pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.inference.batcher import BATCHER

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.distinct_units import Closest


@st.cache_data(max_entries=128, show_spinner="Comparing pairs of units…")
def closest_earlier(digest: str, layer: str, _model: AlexNet) -> Closest:
    """`Closest` of a layer with weights, on the CPU.

    Args:
        digest: identifies the model's weights.
    """
    from alexnet_demo.network import distinct_units

    weight = _model.net.get_submodule(layer).get_parameter("weight")
    cosines, units = distinct_units.closest_earlier(weight, BATCHER.submit_low_priority)
    return cosines.cpu(), units.cpu()
