"""One unit of a feature map: select it, and see how its value is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from alexnet_demo.images.encode import enlarge, png
from alexnet_demo.settings.article import IMAGE_SIZE
from alexnet_demo.ui.architecture.layer_views import ViewedModel, activations_of, signed_url
from alexnet_demo.ui.components.component import parse_cell, register
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.widgets import query_params

if TYPE_CHECKING:  # all import torch
    from torch import Tensor

    from alexnet_demo.network.activations import ConvUnit
    from alexnet_demo.network.summary import Layer

Position = tuple[int, int, int]
"""Channel, row, and column of a unit."""
_INPUTS = ("Channel", "Row", "Column")
MAX_CHANNELS = 3  # input channels of a convolution whose products are shown
_feature_map = register("feature_map", __file__)


def show_unit(layer: Layer, model: ViewedModel, image: np.ndarray, key: str) -> None:
    """Let the reader select a unit of a convolution or pooling layer, and show its computation."""
    from alexnet_demo.network.activations import conv_unit

    outputs = activations_of(model, image)
    names = list(outputs)
    inputs, output = outputs[names[names.index(layer.name) - 1]], outputs[layer.name]
    _select_first(output, (model.id, image.tobytes()), key)
    with st.container(horizontal=True):
        channel, row, column = (
            int(st.number_input(name, 0, size - 1, key=f"{name} {key}", width=112))
            for name, size in zip(_INPUTS, output.shape, strict=True)
        )
    if _is_linked(key):
        query_params.put("unit", f"{channel}.{row}.{column}")
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=IMAGE_SIZE, gap="xsmall"):
            feature_map(
                output[channel].numpy(),
                (row, column),
                f"Channel {channel} of {layer.name}",
                f"cells {key}",
                lambda y, x: _select(key, (channel, y, x)),
            )
        (top, bottom), (left, right) = layer.spans[row], layer.spans[column]
        framed = enlarge(Image.fromarray(image), IMAGE_SIZE).convert("RGB")
        ImageDraw.Draw(framed).rectangle((left, top, right, bottom), outline="#ffa90e", width=2)
        st.image(
            png(framed),
            width=IMAGE_SIZE,
            caption=f"Receptive field: {bottom - top + 1}×{right - left + 1} pixels of the image",
        )
    st.caption("Select a cell of the map by click or arrow key, or enter its position.")
    module: Any = model.model.net.get_submodule(layer.name)
    if layer.kind == "pool":
        _show_window(module, inputs, (channel, row, column))
    else:
        after = names[names.index(layer.name) + 1]
        name = type(model.model.net.get_submodule(after)).__name__
        value = float(outputs[after][channel, row, column])
        unit = conv_unit(module, inputs, channel, row, column)
        _show_products(unit, f"after the {name} **{value:.3f}**", key)


def _select_first(output: Tensor, source: tuple[str, bytes], key: str) -> None:
    """For a new model or image, select its strongest unit, or the one that the address names.

    Args:
        source: the model's id and the image.
    """
    from alexnet_demo.network.activations import strongest

    state = f"about {key}"  # session state: the previous source
    previous = st.session_state.get(state)
    if previous == source and f"Channel {key}" in st.session_state:
        return
    st.session_state[state] = source
    linked = _linked(output.shape) if previous in (None, source) and _is_linked(key) else None
    channel = int(strongest(output)[0])
    row, column = divmod(int(output[channel].argmax()), output.shape[2])
    _select(key, linked or (channel, row, column))


def _is_linked(key: str) -> bool:
    """Whether the address names this view's unit: that of the first model."""
    return key.endswith(" 0")


def _linked(shape: Sequence[int]) -> Position | None:
    """The unit in the address, such as ``12.3.4``, if the feature map has it."""
    parts = query_params.get("unit").split(".")
    if len(parts) != len(shape):
        return None
    channel, row, column = map(query_params.parse_index, parts, shape)
    if channel is None or row is None or column is None:
        return None
    return channel, row, column


def _select(key: str, position: Position) -> None:
    for name, value in zip(_INPUTS, position, strict=True):
        st.session_state[f"{name} {key}"] = value


def _show_window(module: Any, inputs: Tensor, position: Position) -> None:
    from alexnet_demo.network.activations import pool_window

    window = pool_window(module, inputs, *position)
    names = [f"column {x}" for x in range(window.shape[1])]
    st.dataframe(
        dict(zip(names, window.T.tolist(), strict=True)),
        column_config=dict.fromkeys(names, st.column_config.NumberColumn(format="%.3f")),
        hide_index=True,
        width="content",
    )
    st.markdown(
        f"The maximum of these {window.numel()} values is the output: "
        f"**{float(window.max()):.3f}**."
    )


def _show_products(unit: ConvUnit, after: str, key: str) -> None:
    """The input channels that contribute most, the sum over all of them, and what comes after."""
    sums = unit.channel_sums
    order = sums.abs().argsort(descending=True)[:MAX_CHANNELS].tolist()
    terms: list[str] = []
    for channel in order:
        factors = (unit.patch, "input"), (unit.kernel, "× weights"), (unit.products, "= products")
        tiles = []
        for number, (factor, caption) in enumerate(factors):
            values = factor[channel].numpy()
            url = signed_url(values, float(np.abs(values).max()))
            tiles.append(Tile(number, url, caption.strip("×= ").capitalize(), caption))
        gallery(tiles, f"unit {key} {len(terms)}", clickable=False)
        name = f"Input channel {channel}" if len(sums) > 1 else "The image"
        terms.append(f"{float(sums[channel]):.3f}")
        st.caption(f"{name}: the products add up to {terms[-1]}.")
    if len(sums) > len(order):
        rest = float(sums.sum() - sums[order].sum())
        terms.append(f"{rest:.3f} (the other {len(sums) - len(order)} channels)")
    equation = " + ".join([*terms, f"{unit.bias:.3f} (bias)"]).replace("+ -", "− ")
    st.markdown(f"{equation} = **{unit.total:.3f}**; {after}.")


# ------------------------------------------------------------------ the component


def feature_map(
    values: np.ndarray,
    selected: tuple[int, int],
    name: str,
    key: str,
    on_select: Callable[[int, int], None],
) -> None:
    """Show a feature map, from black for 0 and less to white for its maximum.

    Args:
        values: float (height, width).
        selected: row and column of the marked cell.
        name: description for screen readers.
        key: unique on the page.
        on_select: called with the row and column of another cell before the page reruns.
    """

    def select() -> None:
        if cell := parse_cell(st.session_state[key].get("cell"), values.shape):
            on_select(*cell)

    _feature_map(
        data={
            "rows": values.shape[0],
            "columns": values.shape[1],
            "values": [float(f"{v:.4g}") for v in values.ravel().tolist()],
            "selected": list(selected),
            "name": name,
        },
        key=key,
        on_cell_change=select,
    )
