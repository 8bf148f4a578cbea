"""Layer records → SVG diagrams. Imports no torch and no Streamlit.

Each works as a file of its own, with a white background, fonts, and colors. A page can restyle it
by the classes ``paper``, ``name``, ``shape`` and ``face``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_demo.common.templates import environment
from alexnet_demo.common.text import dimensions
from alexnet_demo.figures.theme import KIND_COLORS

if TYPE_CHECKING:  # imports torch, which this module must not
    from alexnet_demo.network.summary import Layer, Shape, Summary


_TEMPLATES = environment(
    Path(__file__).with_name("templates"), fixed="{:.1f}".format, dimensions=dimensions
)


def _render(template: str, **context: Any) -> str:
    """An SVG document in one line; ``width`` and ``height`` are in its own units, or pixels."""
    return _TEMPLATES.get_template(template).render(context).replace("\n", "")


# ------------------------------------------------------------------ blocks

# One scale for the whole diagram: one unit of the drawing is a pixel of a feature map's side, or
# this many channels or units.
CHANNELS_PER_UNIT = 16
# Receding edges are slanted and shortened, as in the figure of the 2012 paper.
RECEDE_X, RECEDE_Y = 0.30, 0.22
_PITCH, _LABEL_HEIGHT, _EDGE = 74, 46, 8
_COLUMN, _THINNEST = 7, 2


def block_diagram(summary: Summary, image: str = "") -> str:
    """Feature maps as blocks, to scale.

    A block's height and depth are the sides of its feature map in pixels, and its width is the
    number of channels; a fully connected layer is an upright column of its units. Each block is a
    group ``<g class="block" data-layer="conv1">`` with a title, so that a page can make it
    selectable.

    Args:
        summary: the measured network.
        image: URL of an image to show on the input's side face.
    """
    layers = [("input", "input", summary.input_shape, "Input image")]
    layers += [(b.name, b.kind, b.output_shape, _title(b)) for b in summary.layers if b.kind]
    boxes = [_box(shape) for _, _, shape, _ in layers]
    # Blocks share a baseline, with their labels below.
    base = max(height + depth * RECEDE_Y for _, height, depth in boxes) + _EDGE
    blocks, x = [], float(_EDGE)
    for (name, kind, shape, title), (width, height, depth) in zip(layers, boxes, strict=True):
        dx, dy = depth * RECEDE_X, depth * RECEDE_Y
        cell = max(_PITCH, width + dx + 14)
        left, top = x + (cell - width - dx) / 2, base - height
        right, color = left + width, KIND_COLORS[kind]
        front = [(left, top), (right, top), (right, base), (left, base)]
        lid = [(left, top), (left + dx, top - dy), (right + dx, top - dy), (right, top)]
        side = [(right, top), (right + dx, top - dy), (right + dx, base - dy), (right, base)]
        blocks.append(
            {
                "name": name,
                "title": title,
                "shape": shape,
                "x": x,
                "cell": cell,
                # Light comes from above: the lid is brightest.
                "faces": [(side, color), (front, _shade(color, 0.75)), (lid, _shade(color, 1.25))],
                # Maps the unit square to the side face: x to the right and up, y down.
                "side_matrix": (dx, -dy, 0, height, right, top),
            }
        )
        x += cell
    return _render(
        "blocks.svg.jinja",
        label="Feature maps of the network, to scale",
        width=x + _EDGE,
        height=base + _LABEL_HEIGHT,
        base=base,
        blocks=blocks,
        image=image,
    )


def _title(layer: Layer) -> str:
    shape = dimensions(layer.output_shape)
    return f"{layer.name}: {shape}, {layer.params:,} parameters, {layer.macs:,} MACs"


def _box(shape: Shape) -> tuple[float, float, float]:
    """Width, height, and depth of a block in units of the drawing, at least `_THINNEST`."""
    if len(shape) == 1:
        return _COLUMN, max(_THINNEST, shape[0] / CHANNELS_PER_UNIT), _COLUMN
    channels, height, depth = shape
    return max(_THINNEST, channels / CHANNELS_PER_UNIT), height, depth


def _shade(color: str, factor: float) -> str:
    """Darken below 1, brighten above."""
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    if factor <= 1:
        mixed = [c * factor for c in channels]
    else:
        mixed = [c + (255 - c) * (factor - 1) for c in channels]
    return _hex(mixed)


def _hex(channels: Iterable[float]) -> str:
    """Red, green, and blue, 0 to 255, as ``#rrggbb``."""
    return "#" + "".join(f"{round(c):02x}" for c in channels)


# ------------------------------------------------------------------ receptive field

_SIDE, _KEY_WIDTH = 224, 136
_SMALLEST, _LARGEST = (255, 243, 200), (240, 96, 0)  # colors of the frames


def receptive_field(summary: Summary, name: str, image: str = "") -> str:
    """The receptive field of a layer's central unit, and those of the layers before it.

    Nested frames, see `Summary.nested_receptive_fields`, each a rectangle
    ``<rect data-layer="conv1">`` with a line in the legend.

    Args:
        summary: the measured network.
        name: of the layer.
        image: URL of an image to show below the frames.

    Raises:
        KeyError: for an unknown layer.
    """
    spans = summary.nested_receptive_fields(name)
    frames = []
    for number, (layer, (first, last)) in enumerate(spans, 1):
        share = number / len(spans)
        mixed = (a + (b - a) * share for a, b in zip(_SMALLEST, _LARGEST, strict=True))
        frames.append((layer, first, last - first + 1, _hex(mixed)))
    return _render(
        "receptive_field.svg.jinja",
        label=f"Receptive fields of {name} and the layers before it",
        width=_SIDE + _KEY_WIDTH + 4,
        height=_SIDE + 4,
        side=_SIDE,
        scale=_SIDE / summary.input_shape[-1],
        frames=frames,
        image=image,
    )
