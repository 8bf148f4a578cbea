"""What a network makes of a picture, worked out once for all who look at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from plotly.graph_objects import Figure

from alexnet_demo.common.text import percent
from alexnet_demo.figures import architecture
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.ui.components.plot import live_plot

if TYPE_CHECKING:  # all import torch
    from torch import Tensor

    from alexnet_demo.network.activations import TensorStats
    from alexnet_demo.network.alexnet import AlexNet

# An article's network has 5.6 MB of outputs for a picture.
PICTURES = 16  # whose outputs are kept


@dataclass(frozen=True)
class Network:
    """A network that is looked into.

    Attributes:
        title: above what is shown of it; empty where it stands alone.
        id: tells its weights from all others.
        temperature: what Predict divides its logits by; 1 where none was fitted.
    """

    title: str
    model: AlexNet
    id: str
    temperature: float = 1.0


def outputs(network: Network, picture: np.ndarray) -> dict[str, Tensor]:
    """Every layer's output, see `inside.activations`; shared, so not to be changed.

    Args:
        picture: uint8 (side, side), 0 background.

    Raises:
        BusyError: when too many ask at this moment.
    """
    return _outputs(network.id, picture, network.model)


@st.cache_resource(max_entries=PICTURES, show_spinner=False)
def _outputs(id_: str, picture: np.ndarray, _model: AlexNet) -> dict[str, Tensor]:
    from alexnet_demo.network.activations import activations

    return BATCHER.submit(partial(activations, _model, picture))


def spread(values: Tensor, what: str, key: str) -> None:
    """How values are spread, as a figure and in words.

    Args:
        what: tells the values from all others.
        key: unique on the page.
    """
    found, figure = _spread(what, values)
    words = f"Mean {found.mean:.3g}, standard deviation {found.std:.3g}"
    words += f", from {found.minimum:.3g} to {found.maximum:.3g}"
    words += f"; {percent(found.zeros)} are 0." if found.zeros else "."
    live_plot(figure, f"Histogram. {words}", key, zoom=False)
    st.caption(words)


@st.cache_resource(max_entries=128, show_spinner=False)
def _spread(what: str, _values: Tensor) -> tuple[TensorStats, Figure]:
    from alexnet_demo.network.activations import tensor_stats

    found = tensor_stats(_values)
    return found, architecture.histogram(found)
