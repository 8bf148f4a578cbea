"""Layer records → SVG diagrams. Imports no torch and no Streamlit.

Each works as a file of its own, with a white background, fonts, and colors. A page can restyle it
by the classes ``paper``, ``name``, ``shape`` and ``face``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_demo.common.text import dimensions
from alexnet_demo.figures.theme import KIND_COLORS

if TYPE_CHECKING:  # imports torch, which this module must not
    from alexnet_demo.network.summary import Layer, Shape, Summary

_STYLE = (
    "text{font-family:system-ui,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#22272e}"
    ".name{font-size:14px;font-weight:600}.shape{font-size:11px}"
    ".face{stroke:#fff;stroke-width:.6}.paper{fill:#fff}"
)


def _drawing(width: float, height: float, label: str, parts: str) -> str:
    """The SVG document; ``width`` and ``height`` in its own units, by default pixels."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="group" aria-label="{label}">'
        f'<style>{_STYLE}</style><rect class="paper" width="100%" height="100%"/>{parts}</svg>'
    )


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
    blocks = [("input", "input", summary.input_shape, "Input image")]
    blocks += [(b.name, b.kind, b.output_shape, _title(b)) for b in summary.layers if b.kind]
    boxes = [_box(shape) for _, _, shape, _ in blocks]
    top = max(height + depth * RECEDE_Y for _, height, depth in boxes) + _EDGE
    parts, x = [], float(_EDGE)
    for (name, kind, shape, title), (width, height, depth) in zip(blocks, boxes, strict=True):
        span = width + depth * RECEDE_X
        cell = max(_PITCH, span + 14)
        # Blocks share a baseline, with their labels below.
        faces = _faces(x + (cell - span) / 2, top, width, height, depth, KIND_COLORS[kind])
        if kind == "input" and image:
            faces += _image_on_side(image, x + (cell - span) / 2 + width, top, height, depth)
        label = _label(x + cell / 2, top, name, shape)
        frame = f'<rect class="frame" x="{x:.1f}" y="2" width="{cell:.1f}" '
        frame += f'height="{top + _LABEL_HEIGHT - 4:.1f}" rx="8" fill="none"/>'
        parts.append(
            f'<g class="block" data-layer="{name}"><title>{title}</title>{frame}{faces}{label}</g>'
        )
        x += cell
    size = x + _EDGE, top + _LABEL_HEIGHT
    return _drawing(*size, "Feature maps of the network, to scale", "".join(parts))


def _title(layer: Layer) -> str:
    shape = dimensions(layer.output_shape)
    return f"{layer.name}: {shape}, {layer.params:,} parameters, {layer.macs:,} MACs"


def _box(shape: Shape) -> tuple[float, float, float]:
    """Width, height, and depth of a block in units of the drawing, at least `_THINNEST`."""
    if len(shape) == 1:
        return _COLUMN, max(_THINNEST, shape[0] / CHANNELS_PER_UNIT), _COLUMN
    channels, height, depth = shape
    return max(_THINNEST, channels / CHANNELS_PER_UNIT), height, depth


def _faces(x: float, base: float, width: float, height: float, depth: float, color: str) -> str:
    """Front, top, and right side of a block; ``x`` is its left edge and ``base`` the baseline."""
    dx, dy, top = depth * RECEDE_X, depth * RECEDE_Y, base - height
    right = x + width
    front = [(x, top), (right, top), (right, base), (x, base)]
    lid = [(x, top), (x + dx, top - dy), (right + dx, top - dy), (right, top)]
    side = [(right, top), (right + dx, top - dy), (right + dx, base - dy), (right, base)]
    drawn = ""
    # Light comes from above: the lid is brightest.
    for corners, shade in ((side, 1.0), (front, 0.75), (lid, 1.25)):
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in corners)
        drawn += f'<polygon points="{points}" fill="{_shade(color, shade)}" class="face"/>'
    return drawn


def _image_on_side(url: str, x: float, base: float, height: float, depth: float) -> str:
    """An image on the side face with left edge ``x``, slanted as the face."""
    dx, dy = depth * RECEDE_X, depth * RECEDE_Y
    # Map the unit square to the face: x to the right and up, y down.
    matrix = f"{dx:.2f} {-dy:.2f} 0 {height:.2f} {x:.2f} {base - height:.2f}"
    return (
        f'<image href="{url}" width="1" height="1" preserveAspectRatio="none" '
        f'transform="matrix({matrix})" style="image-rendering: pixelated"/>'
    )


def _shade(color: str, factor: float) -> str:
    """Darken below 1, brighten above."""
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    if factor <= 1:
        mixed = [c * factor for c in channels]
    else:
        mixed = [c + (255 - c) * (factor - 1) for c in channels]
    return "#" + "".join(f"{round(c):02x}" for c in mixed)


def _label(x: float, base: float, name: str, shape: Shape) -> str:
    size = dimensions(shape)
    return (
        f'<text x="{x:.1f}" y="{base + 18:.1f}" text-anchor="middle" class="name">{name}</text>'
        f'<text x="{x:.1f}" y="{base + 34:.1f}" text-anchor="middle" class="shape">{size}</text>'
    )


# ------------------------------------------------------------------ receptive field

_SIDE, _KEY_WIDTH, _ROW = 224, 136, 21
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
    frames = summary.nested_receptive_fields(name)
    scale = _SIDE / summary.input_shape[-1]
    drawn = f'<rect width="{_SIDE}" height="{_SIDE}" fill="#000"/>'
    if image:
        drawn += (
            f'<image href="{image}" width="{_SIDE}" height="{_SIDE}" '
            'style="image-rendering: pixelated"/>'
        )
    key = ""
    for number, (layer, (first, last)) in enumerate(frames):
        share = (number + 1) / len(frames)
        color = "#" + "".join(
            f"{round(a + (b - a) * share):02x}" for a, b in zip(_SMALLEST, _LARGEST, strict=True)
        )
        stroke = f'stroke="{color}" stroke-width="{3 if layer == name else 1.5}"'
        side = (last - first + 1) * scale
        drawn += (
            f'<rect data-layer="{layer}" x="{first * scale:.1f}" y="{first * scale:.1f}" '
            f'width="{side:.1f}" height="{side:.1f}" fill="none" {stroke}/>'
        )
        y, weight = 16 + number * _ROW, "name" if layer == name else "shape"
        size = f"{last - first + 1}×{last - first + 1}"
        key += (
            f'<path d="M{_SIDE + 14} {y - 4}h16" {stroke}/>'
            f'<text x="{_SIDE + 38}" y="{y}" class="{weight}">{layer} {size}</text>'
        )
    # Otherwise a frame at the image's edge would lose half of its line.
    parts = f'<g transform="translate(2 2)">{drawn}{key}</g>'
    label = f"Receptive fields of {name} and the layers before it"
    return _drawing(_SIDE + _KEY_WIDTH + 4, _SIDE + 4, label, parts)
