"""A layer's weights, and what it makes of a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from alexnet_demo.images.encode import data_url, enlarge, overlay_heatmap, png
from alexnet_demo.settings.article import IMAGE_SIZE
from alexnet_demo.ui.architecture.activations import Network, outputs, spread
from alexnet_demo.ui.components.gallery import Tile, gallery

if TYPE_CHECKING:  # both import torch
    from torch import Tensor

    from alexnet_demo.network.summary import Layer

MOST_FILTERS, MOST_CHANNELS = 96, 24  # that are shown


def signed(values: np.ndarray, most: float) -> str:
    """Values from −most to most, as a picture from black over grey to white: its URL."""
    pixels = (127.5 + 127.5 * np.clip(values / (most or 1), -1, 1)).astype(np.uint8)
    return data_url(Image.fromarray(pixels), max(pixels.shape))


def weights(layer: Layer, network: Network, picture: None, key: str) -> None:
    """How a layer's weights are spread, and its filters."""
    module = network.model.net.get_submodule(layer.name)
    weight: Tensor = module.weight.detach().float().cpu()  # type: ignore[operator]
    if weight.ndim == 4:
        _filters(weight, key)
    spread(weight, f"{network.id} {layer.name} weights", f"spread {key}")


def _filters(weight: Tensor, key: str) -> None:
    channel, last = 0, weight.shape[1] - 1
    if last:
        channel = st.number_input(f"Input channel, 0 to {last}", 0, last, key=f"in {key}")
    kernels = weight[:, channel].numpy()
    most = float(np.abs(kernels).max())
    tiles = [
        Tile(n, signed(kernel, most), f"Filter {n}")
        for n, kernel in enumerate(kernels[:MOST_FILTERS])
    ]
    gallery(tiles, f"filters {key}", clickable=False, small=True)
    words = "Grey is 0, white the greatest weight, black the least."
    if len(kernels) > len(tiles):
        words += f" The first {len(tiles)} of {len(kernels)} filters."
    st.caption(words)


def output(layer: Layer, network: Network, picture: np.ndarray, key: str) -> None:
    """What a layer makes of a picture, the strongest channels first."""
    from alexnet_demo.network.activations import strongest

    seen = outputs(network, picture)
    # What goes on to the next layer: behind the ReLU where there is one.
    behind = f"relu{layer.name[-1]}"
    values = seen[behind if layer.params and behind in seen else layer.name]
    order = [int(n) for n in strongest(values)]
    if values.ndim == 1:
        _units(values, order, layer.name)
    else:
        _channels(values, order, picture, key)
    about = f"{network.id} {layer.name} {hash(picture.tobytes())}"
    spread(values, about, f"spread {key}")


def _units(values: Tensor, order: list[int], name: str) -> None:
    side = math.ceil(math.sqrt(len(values)))
    square = np.zeros(side * side, np.float32)
    square[: len(values)] = values.clamp(min=0).numpy()
    most = float(square.max()) or 1.0
    image = Image.fromarray((255 * square.reshape(side, side) / most).astype(np.uint8))
    st.image(png(enlarge(image, 320)), width=320, alt=f"The units of {name}")
    st.caption(
        f"Row by row, each dot is one of {len(values):,} units, the brighter the stronger; "
        f"black is 0 or less. Strongest: {', '.join(map(str, order[:8]))}."
    )


def _channels(values: Tensor, order: list[int], picture: np.ndarray, key: str) -> None:
    maps = values.clamp(min=0).numpy()
    most = float(maps.max()) or 1.0
    greys = {n: Image.fromarray((255 * maps[n] / most).astype(np.uint8)) for n in order}
    state = f"channel {key}"  # session state: the one that is shown large
    marked = st.session_state.get(state)
    marked = marked if marked in greys else order[0]
    left, right = st.columns(2)
    pixels = np.asarray(enlarge(Image.fromarray(picture), IMAGE_SIZE))
    heat = maps[marked] / (maps[marked].max() or 1)
    left.image(png(overlay_heatmap(pixels, heat, IMAGE_SIZE)), caption="on the picture")
    right.image(
        png(enlarge(greys[marked], IMAGE_SIZE)),
        caption=f"channel {marked}, {maps.shape[1]}×{maps.shape[2]}",
    )
    tiles = [
        Tile(n, data_url(greys[n], maps.shape[-1]), f"Channel {n}", f"channel {n}")
        for n in order[:MOST_CHANNELS]
    ]

    def enlarge_it(channel: int) -> None:
        st.session_state[state] = channel

    gallery(tiles, f"maps {key}", selected=marked, on_click=enlarge_it)
    st.caption(
        f"The {len(tiles)} strongest of {len(maps)} channels, on one scale; choose one to see it "
        "large."
    )
