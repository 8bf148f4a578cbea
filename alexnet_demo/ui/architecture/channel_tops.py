"""What excites each channel of a convolution: the parts of test images that activate it most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw

from alexnet_demo.images.encode import data_url, enlarge
from alexnet_demo.settings.article import CLASSES, IMAGE_SIZE
from alexnet_demo.ui.architecture.layer_views import ViewedModel
from alexnet_demo.ui.components.gallery import Tile, gallery
from alexnet_demo.ui.models import background, datasets, passes
from alexnet_demo.ui.models.closest_units import closest_earlier
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import plain, sections
from alexnet_demo.ui.widgets.navigation import PREDICT
from alexnet_demo.ui.widgets.one_of import one_of

if TYPE_CHECKING:  # both import torch
    from alexnet_demo.inference.channel_tops import ChannelTops
    from alexnet_demo.network.summary import Layer, Span

PAGE = 24  # channels shown at first, and more with each click
PATCH, GAP = 32, 2  # pixels: a patch's side in the grid, and the lines between patches
FRAME = 4  # pixels of the enlarged image, around the part
OUTSIDE = 96  # gray level beyond the image's edge
MAX_NAMED = 8  # channels named in a sentence
_TEXT = sections(Path(__file__).with_suffix(".md"))
_STRENGTH, _NUMBER = "Strongest first", "By number"


def show_tops(layer: Layer, model: ViewedModel, image: None, key: str) -> None:
    """The channels of a convolution with what activates them most, and one of them enlarged."""
    job = passes.channel_tops(model.model, model.id)
    if job.result is None:
        name = f"“{plain(model.title)}”" if model.title else "the model"
        background.show_progress(job, f"Running {name} on the first test images")
        return
    tops = job.result[layer.name]
    if _is_first(key):
        st.markdown(_TEXT["The view"].replace("{field}", str(layer.receptive_field)))
    copies = _copies(model, layer.name)
    st.markdown(_describe(tops, copies))
    order = tops.by_strength().tolist()
    if not order:
        return
    channel = _selected(order, key)
    _show_enlarged(layer, tops, channel, key)
    _show_grid(layer, tops, copies, channel, key)
    if _is_first(key):
        explain("How to read it", "What excites a channel", "Dead channels", "Distinct units")


def _selected(order: Sequence[int], key: str) -> int:
    """The selected channel: at first the one in the address, else the strongest."""
    state = _state(key)
    if state not in st.session_state and _is_first(key):
        st.session_state[state] = query_params.parse_index(
            query_params.get("channel"), max(order) + 1
        )
    selected = st.session_state.get(state)
    channel = selected if isinstance(selected, int) and selected in order else order[0]
    if _is_first(key):
        query_params.put("channel", str(channel))
    return channel


def _state(key: str) -> str:
    return f"exciting {key}"  # session state: the selected channel


def _is_first(key: str) -> bool:
    """Whether the view is that of the first model, whose channel the address names."""
    return key.endswith(" 0")


# ------------------------------------------------------------------ in words


def _copies(model: ViewedModel, layer: str) -> dict[int, int]:
    """The channels that are copies of earlier ones, each with that one."""
    from alexnet_demo.network.distinct_units import COPY_COSINE

    cosines, earlier = closest_earlier(model.id, layer, model.model)
    copies = (cosines >= COPY_COSINE).nonzero().flatten().tolist()
    return {channel: int(earlier[channel]) for channel in copies}


def _describe(tops: ChannelTops, copies: dict[int, int]) -> str:
    """Which channels are dead, and which are copies of others."""
    dead, channels = [str(n) for n in tops.dead.tolist()], len(tops.images)
    texts = [f"{channel} of {original}" for channel, original in copies.items()]
    images = f"these {tops.searched:,} test images"
    if not dead and not texts:
        return f"All {channels} channels exceed 0 for some of {images}, and none copies another."
    verb = "is a copy" if len(texts) == 1 else "are copies"
    copied = f"**{len(texts)}** {verb} of an earlier one{_listed(texts)}"
    return (
        f"**{len(dead)} of {channels} channels** never exceed 0 for {images}{_listed(dead)} "
        f"{copied if texts else 'None is a copy of another.'}"
    )


def _listed(names: list[str]) -> str:
    """The names after a colon, or a full stop if there are none."""
    if not names:
        return "."
    more = f", and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f": {', '.join(names[:MAX_NAMED])}{more}."


# ------------------------------------------------------------------ one channel


def _show_enlarged(layer: Layer, tops: ChannelTops, channel: int, key: str) -> None:
    """The whole images of a channel, each with its part framed; a click opens one in Predict."""
    split = datasets.test_set()
    tiles = []
    for number, (row, column), activation in zip(
        tops.images[channel].tolist(),
        tops.positions[channel].tolist(),
        tops.activations[channel].tolist(),
        strict=True,
    ):
        if number < 0:
            break
        (top, bottom), (left, right) = layer.spans[row], layer.spans[column]
        framed = enlarge(Image.fromarray(split.images[number].numpy()), IMAGE_SIZE).convert("RGB")
        edges = left - FRAME, top - FRAME, right + FRAME, bottom + FRAME  # conv1's part is small
        ImageDraw.Draw(framed).rectangle(edges, outline="#ffa90e", width=FRAME)
        label = CLASSES[int(split.labels[number])]
        alt = f"Test image {number}, {label}, with the part that activates channel {channel}"
        detail = f"{activation:.3g} · image {number}"
        tiles.append(Tile(number, data_url(framed, IMAGE_SIZE), alt, label, detail))
    st.markdown(f"**Channel {channel} of {layer.name}**")
    clicked = gallery(tiles, f"tops {key}")
    st.caption(_TEXT["One channel"])
    if clicked is not None:
        st.switch_page(PREDICT, query_params={"source": "Samples", "sample": str(clicked)})


# ------------------------------------------------------------------ all channels


def _show_grid(
    layer: Layer, tops: ChannelTops, copies: dict[int, int], channel: int, key: str
) -> None:
    """The channels as tiles of nine patches; a click selects one."""
    sort = one_of("Order", [_STRENGTH, _NUMBER], f"order {key}", label_hidden=True)
    order = tops.by_strength().tolist()
    order = order if sort == _STRENGTH else sorted(order)
    shown = f"shown {key}"  # session state
    count = st.session_state.setdefault(shown, PAGE)
    pixels = datasets.test_set().images.numpy()
    tiles = [
        Tile(
            n,
            data_url(patches(layer, tops, n, pixels), 3 * (PATCH + GAP)),
            f"Channel {n}",
            f"Channel {n}",
            f"copy of {copies[n]}" if n in copies else f"{float(tops.activations[n, 0]):.3g}",
        )
        for n in order[:count]
    ]

    def select(number: int) -> None:
        st.session_state[_state(key)] = number

    gallery(tiles, f"grid {key}", selected=channel, on_click=select)
    left = len(order) - count
    if left > 0:
        more = {shown: count + PAGE}
        update = st.session_state.update
        st.button(f"Show more ({left:,} left)", key=f"more {key}", on_click=update, args=(more,))


def patches(layer: Layer, tops: ChannelTops, channel: int, pixels: np.ndarray) -> Image.Image:
    """A channel's nine patches in a square of 3×3, all on the same scale.

    A patch is what the network sees there of the enlarged image; what lies beyond the image's edge
    is gray.

    Args:
        pixels: the images that were searched, uint8 (N, side, side).
    """
    cell = PATCH + GAP
    square = Image.new("L", (3 * cell - GAP, 3 * cell - GAP), 255)
    for place, number in enumerate(tops.images[channel].tolist()):
        patch = Image.new("L", (PATCH, PATCH), OUTSIDE)
        if number >= 0:
            row, column = tops.positions[channel, place].tolist()
            _paste(patch, pixels[number], layer, layer.spans[row], layer.spans[column])
        square.paste(patch, (place % 3 * cell, place // 3 * cell))
    return square


def _paste(patch: Image.Image, pixels: np.ndarray, layer: Layer, rows: Span, columns: Span) -> None:
    """Paste a part of an image where it lies in the whole of a receptive field."""
    scale, field = IMAGE_SIZE / len(pixels), layer.receptive_field

    def extent(span: Span) -> tuple[int, int]:
        """Where the part begins and ends in the patch; a cut field is cut on one side."""
        first, last = span
        missing = field - (last - first + 1) if first == 0 else 0
        ends = missing, missing + last - first + 1
        return round(ends[0] * PATCH / field), round(ends[1] * PATCH / field)

    (top, bottom), (left, right) = extent(rows), extent(columns)
    box = (columns[0] / scale, rows[0] / scale, (columns[1] + 1) / scale, (rows[1] + 1) / scale)
    size = max(1, right - left), max(1, bottom - top)
    # As `to_input` enlarges it: bilinear, from the image's own pixels.
    part = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, box)
    patch.paste(part, (left, top))
