"""Views of a layer in a trained model: its weights, and its output for an image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image
from plotly.graph_objects import Figure

from alexnet_demo.common.text import percent
from alexnet_demo.figures import architecture
from alexnet_demo.images.encode import data_url, enlarge, overlay_heatmap, png
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.settings.article import IMAGE_SIZE
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.components.plot import live_plot

if TYPE_CHECKING:  # all import torch
    from torch import Tensor

    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.summary import Layer

CACHED_IMAGES = 16  # at 5.6 MB of activations an image in the article's network
MAX_FILTERS, MAX_CHANNELS = 96, 24


@dataclass(frozen=True)
class ViewedModel:
    """A model, and what its views need to know.

    Attributes:
        id: identifies the weights, for caches.
        title: heading of its views; empty if it is the only model.
        temperature: by which Predict divides the logits; 1 if none was fitted.
    """

    model: AlexNet
    id: str
    title: str = ""
    temperature: float = 1.0


@st.cache_resource(
    max_entries=CACHED_IMAGES, show_spinner=False, hash_funcs={ViewedModel: lambda model: model.id}
)
def activations_of(model: ViewedModel, image: np.ndarray) -> dict[str, Tensor]:
    """Every layer's output, as `network.activations` gives it; cached, so do not modify it.

    Args:
        image: uint8 (side, side), 0 background.

    Raises:
        BusyError: when too many requests are waiting.
    """
    from alexnet_demo.network.activations import activations

    return BATCHER.submit(partial(activations, model.model, image))


def show_weights(layer: Layer, model: ViewedModel, image: None, key: str) -> None:
    """A convolution's filters, and a histogram of the layer's weights."""
    module = model.model.net.get_submodule(layer.name)
    weight: Tensor = module.weight.detach().float().cpu()  # type: ignore[operator]
    if weight.ndim == 4:
        _filters(weight, key)
    _histogram(weight, f"{model.id} {layer.name} weights", key)


def _filters(weight: Tensor, key: str) -> None:
    channel, last = 0, weight.shape[1] - 1
    if last:
        channel = st.number_input(f"Input channel, 0 to {last}", 0, last, key=f"in {key}")
    kernels = weight[:, channel].numpy()
    limit = float(np.abs(kernels).max())
    tiles = [
        Tile(n, signed_url(kernel, limit), f"Filter {n}")
        for n, kernel in enumerate(kernels[:MAX_FILTERS])
    ]
    gallery(tiles, f"filters {key}", clickable=False, small=True)
    text = "Gray is 0, lighter is positive, darker is negative."
    if len(kernels) > len(tiles):
        text += f" The first {len(tiles)} of {len(kernels)} filters."
    st.caption(text)


def signed_url(values: np.ndarray, limit: float) -> str:
    """An image of values from black for ``-limit`` over gray for 0 to white, as a URL."""
    pixels = (127.5 + 127.5 * np.clip(values / (limit or 1), -1, 1)).astype(np.uint8)
    return data_url(Image.fromarray(pixels), max(pixels.shape))


def show_output(layer: Layer, model: ViewedModel, image: np.ndarray, key: str) -> None:
    """A layer's output for an image, strongest channels first, and its histogram."""
    from alexnet_demo.network.activations import strongest

    outputs = activations_of(model, image)
    # The next layer's input: after the activation, if there is one.
    activation = f"{model.model.activation}{layer.name[-1]}"
    values = outputs[activation if layer.params and activation in outputs else layer.name]
    order = [int(n) for n in strongest(values)]
    if values.ndim == 1:
        _units(values, order, layer.name)
    else:
        _channels(values, order, image, key)
    _histogram(values, f"{model.id} {layer.name} {hash(image.tobytes())}", key)


def _units(values: Tensor, order: list[int], name: str) -> None:
    side = math.ceil(math.sqrt(len(values)))
    square = np.zeros(side * side, np.float32)
    square[: len(values)] = values.clamp(min=0).numpy()
    image = _gray(square.reshape(side, side), float(square.max()))
    st.image(png(enlarge(image, 320)), width=320, alt=f"Activations of the units of {name}")
    st.caption(
        f"Each square is one of {len(values):,} units, row by row; brighter is stronger, black is "
        f"0 or less. Strongest: {', '.join(map(str, order[:8]))}."
    )


def _channels(values: Tensor, order: list[int], image: np.ndarray, key: str) -> None:
    maps = values.clamp(min=0).numpy()
    images = {n: _gray(maps[n], float(maps.max())) for n in order}
    state = f"channel {key}"  # session state: the channel that is shown enlarged
    selected = st.session_state.get(state)
    selected = selected if selected in images else order[0]
    left, right = st.columns(2)
    pixels = np.asarray(enlarge(Image.fromarray(image), IMAGE_SIZE))
    heat = maps[selected] / (maps[selected].max() or 1)
    left.image(overlay_heatmap(pixels, heat, IMAGE_SIZE), caption="Over the image")
    right.image(
        png(enlarge(images[selected], IMAGE_SIZE)),
        caption=f"Channel {selected}, {maps.shape[1]}×{maps.shape[2]}",
    )
    tiles = [
        Tile(n, data_url(images[n], maps.shape[-1]), f"Channel {n}", f"Channel {n}")
        for n in order[:MAX_CHANNELS]
    ]

    def select(channel: int) -> None:
        st.session_state[state] = channel

    gallery(tiles, f"maps {key}", selected=selected, on_click=select)
    st.caption(
        f"The {len(tiles)} strongest of {len(maps)} channels, all on the same scale. Select one to "
        "enlarge it."
    )


def _gray(values: np.ndarray, maximum: float) -> Image.Image:
    """Values from black for 0 to white for the maximum."""
    return Image.fromarray((255 * values / (maximum or 1)).astype(np.uint8))


def _histogram(values: Tensor, cache_key: str, key: str) -> None:
    """A histogram of values, and their statistics in words."""
    text, figure = _statistics(cache_key, values)
    live_plot(figure, f"Histogram. {text}", f"spread {key}", zoom=False)
    st.caption(text)


@st.cache_resource(max_entries=128, show_spinner=False)
def _statistics(cache_key: str, _values: Tensor) -> tuple[str, Figure]:
    from alexnet_demo.network.activations import tensor_stats

    stats = tensor_stats(_values)
    text = f"Mean {stats.mean:.3g}, standard deviation {stats.std:.3g}, range {stats.minimum:.3g} "
    text += f"to {stats.maximum:.3g}" + (f"; {percent(stats.zeros)} are 0." if stats.zeros else ".")
    return text, architecture.histogram(stats)
