"""The numbers that make one unit of a feature map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from alexnet_demo.images.encode import enlarge, png
from alexnet_demo.settings.article import IMAGE_SIZE
from alexnet_demo.ui.architecture.activations import Network, outputs
from alexnet_demo.ui.architecture.feature_map import cells
from alexnet_demo.ui.architecture.layer_views import signed
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.widgets import query_params

if TYPE_CHECKING:  # all import torch
    from torch import Tensor

    from alexnet_demo.network.activations import ConvUnit
    from alexnet_demo.network.summary import Layer

_PLACE = ("Channel", "Row", "Column")
MOST_INPUTS = 3  # channels of a convolution's input whose products are shown


def one_unit(layer: Layer, network: Network, picture: np.ndarray, key: str) -> None:
    """Choose a unit, by click or number, and see how it comes about."""
    from alexnet_demo.network.activations import conv_unit

    seen = outputs(network, picture)
    names = list(seen)
    before, output = seen[names[names.index(layer.name) - 1]], seen[layer.name]
    _begin(output, (network.id, picture.tobytes()), key)
    with st.container(horizontal=True):
        for name, most in zip(_PLACE, output.shape, strict=True):
            st.number_input(name, 0, most - 1, key=f"{name} {key}", width=122)
    channel, row, column = _place(key)
    if _leads(key):
        query_params.put("unit", f"{channel}.{row}.{column}")
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=IMAGE_SIZE, gap="xsmall"):
            cells(
                output[channel].numpy(),
                (row, column),
                f"Channel {channel} of {layer.name}",
                f"cells {key}",
                lambda y, x: _choose(key, channel, y, x),
            )
        (y0, y1), (x0, x1) = layer.spans[row], layer.spans[column]
        st.image(
            _framed(picture, (x0, y0, x1, y1)),
            width=IMAGE_SIZE,
            caption=f"It can see {y1 - y0 + 1}×{x1 - x0 + 1} pixels of the picture",
        )
    st.caption("Choose a cell of the map by click or arrow key, or by its numbers.")
    module: Any = network.model.net.get_submodule(layer.name)
    if layer.kind == "pool":
        _window(module, before, (channel, row, column))
    else:
        _products(conv_unit(module, before, channel, row, column), key)


def _begin(output: Tensor, about: tuple[str, bytes], key: str) -> None:
    """Another picture or network begins at its own strongest place, a link at the one it names."""
    from alexnet_demo.network.activations import strongest

    state = f"about {key}"  # session state: network and picture that were shown last
    known = st.session_state.get(state)
    if known == about and f"Channel {key}" in st.session_state:
        return
    st.session_state[state] = about
    linked = _linked(output.shape) if known in (None, about) and _leads(key) else None
    channel = int(strongest(output)[0])
    row, column = divmod(int(output[channel].argmax()), output.shape[2])
    _choose(key, *(linked or (channel, row, column)))


def _leads(key: str) -> bool:
    """Whether the view is the first network's, which the address tells of."""
    return key.endswith(" 0")


def _linked(shape: Sequence[int]) -> tuple[int, int, int] | None:
    """The unit that the address names, such as ``12.3.4``, where this feature map has it."""
    parts = query_params.get("unit").split(".")
    if len(parts) != len(shape):
        return None
    channel, row, column = map(query_params.parse_index, parts, shape)
    if channel is None or row is None or column is None:
        return None
    return channel, row, column


def _choose(key: str, *place: int) -> None:
    for name, value in zip(_PLACE, place, strict=True):
        st.session_state[f"{name} {key}"] = value


def _place(key: str) -> tuple[int, int, int]:
    channel, row, column = (int(st.session_state[f"{name} {key}"]) for name in _PLACE)
    return channel, row, column


def _framed(picture: np.ndarray, box: tuple[int, int, int, int]) -> bytes:
    large = enlarge(Image.fromarray(picture), IMAGE_SIZE).convert("RGB")
    ImageDraw.Draw(large).rectangle(box, outline="#ffa90e", width=2)
    return png(large)


def _window(module: Any, before: Tensor, place: tuple[int, int, int]) -> None:
    from alexnet_demo.network.activations import pool_window

    window = pool_window(module, before, *place)
    columns = [f"column {x}" for x in range(window.shape[1])]
    st.dataframe(
        {name: window[:, x].tolist() for x, name in enumerate(columns)},
        column_config={name: st.column_config.NumberColumn(format="%.3f") for name in columns},
        hide_index=True,
        width="content",
    )
    st.markdown(
        f"The greatest of these {window.numel()} values goes on: **{float(window.max()):.3f}**."
    )


def _products(unit: ConvUnit, key: str) -> None:
    order = unit.channel_sums.abs().argsort(descending=True)[:MOST_INPUTS].tolist()
    shares = [float(unit.channel_sums[number]) for number in order]
    for place, (number, share) in enumerate(zip(order, shares, strict=True)):
        parts = (
            (unit.patch, "what it sees", "sees"),
            (unit.kernel, "its weights", "× weights"),
            (unit.products, "the products", "= products"),
        )
        tiles = []
        for tile, (part, alt, says) in enumerate(parts):
            values = part[number].numpy()
            tiles.append(Tile(tile, signed(values, float(np.abs(values).max())), alt, says))
        gallery(tiles, f"unit {key} {place}", clickable=False)
        name = f"input channel {number}" if len(unit.channel_sums) > 1 else "the picture"
        st.caption(f"From {name}: the products add up to {share:.3f}.")
    terms = [f"{share:.3f}" for share in shares]
    if len(unit.channel_sums) > len(order):
        rest = float(unit.channel_sums.sum()) - sum(shares)
        terms.append(f"{rest:.3f} (the other {len(unit.channel_sums) - len(order)} channels)")
    terms.append(f"{unit.bias:.3f} (bias)")
    added = " + ".join(terms).replace("+ -", "− ")
    st.markdown(f"{added} = **{unit.total:.3f}**; behind the ReLU **{max(0, unit.total):.3f}**.")
