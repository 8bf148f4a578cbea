"""Records → Plotly figures. Imports no torch and no Streamlit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from alexnet_demo.config import CLASSES

if TYPE_CHECKING:  # summary imports torch, which this module must not
    from alexnet_demo.summary import Layer, Shape, Summary

# Ten colours told apart with any colour vision, light or dark background
# (M. A. Petroff, "Accessible Color Sequences for Data Visualization", 2021).
PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
TRAIN_COLOR, TEST_COLOR, REFERENCE_COLOR = PALETTE[0], PALETTE[6], PALETTE[8]
KIND_COLORS = {"input": PALETTE[7], "conv": PALETTE[0], "pool": PALETTE[8], "fc": PALETTE[5]}
CLASS_COLORS = dict(zip(CLASSES, PALETTE, strict=True))


def style(figure: go.Figure, height: int) -> go.Figure:
    """The look that all figures share; it overrides the template that Streamlit installs."""
    figure.update_layout(
        template="plotly",
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=list(PALETTE),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    grid = "rgba(128,128,128,0.2)"
    figure.update_xaxes(gridcolor=grid, zerolinecolor=grid, automargin=True)
    figure.update_yaxes(gridcolor=grid, zerolinecolor=grid, automargin=True)
    return figure


# ------------------------------------------------------------------ architecture

# One scale for the whole diagram: a pixel of a feature map's side, or this many channels or
# units, is as long as one unit of the drawing.
CHANNELS_PER_UNIT = 16
# Receding edges are drawn at an angle and shortened, as in the 2012 paper's figure.
RECEDE_X, RECEDE_Y = 0.30, 0.22
_PITCH, _LABEL_HEIGHT, _EDGE = 74, 46, 8
_COLUMN, _THINNEST = 7, 1.5


def block_diagram(summary: Summary) -> str:
    """Feature maps as blocks, to scale, as an SVG drawing.

    A block's height and depth are the sides of its feature map in pixels, its width the number
    of channels; a fully connected layer stands upright as a column of its units. Each block is
    a group ``<g class="block" data-layer="conv1">`` with a title, so that a page can let its
    reader choose one. Text takes the colour of its surroundings.
    """
    blocks = [("input", "input", summary.input_shape, "The picture")]
    blocks += [(b.name, b.kind, b.output_shape, _title(b)) for b in summary.layers if b.kind]
    boxes = [_box(shape) for _, _, shape, _ in blocks]
    top = max(height + depth * RECEDE_Y for _, height, depth in boxes) + _EDGE
    parts, x = [], float(_EDGE)
    for (name, kind, shape, title), (width, height, depth) in zip(blocks, boxes, strict=True):
        span = width + depth * RECEDE_X
        cell = max(_PITCH, span + 14)
        # Blocks stand on one line, which their labels hang from.
        faces = _faces(x + (cell - span) / 2, top, width, height, depth, KIND_COLORS[kind])
        label = _label(x + cell / 2, top, name, shape)
        frame = f'<rect class="frame" x="{x:.1f}" y="2" width="{cell:.1f}" '
        frame += f'height="{top + _LABEL_HEIGHT - 4:.1f}" rx="8" fill="none"/>'
        parts.append(
            f'<g class="block" data-layer="{name}"><title>{title}</title>{frame}{faces}{label}</g>'
        )
        x += cell
    size = f"{x + _EDGE:.0f} {top + _LABEL_HEIGHT:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="group" '
        f'aria-label="Feature maps of the network, to scale">{"".join(parts)}</svg>'
    )


def _title(layer: Layer) -> str:
    shape = "×".join(map(str, layer.output_shape))
    return f"{layer.name}: {shape}, {layer.params:,} parameters, {layer.macs:,} MACs"


def _box(shape: Shape) -> tuple[float, float, float]:
    """Width, height and depth of a block in units of the drawing; the thinnest can be seen."""
    if len(shape) == 1:
        return _COLUMN, max(_THINNEST, shape[0] / CHANNELS_PER_UNIT), _COLUMN
    channels, height, depth = shape
    return max(_THINNEST, channels / CHANNELS_PER_UNIT), height, depth


def _faces(x: float, base: float, width: float, height: float, depth: float, color: str) -> str:
    """Front, top and right side of a block whose front stands at x on the line ``base``."""
    dx, dy, top = depth * RECEDE_X, depth * RECEDE_Y, base - height
    right = x + width
    front = [(x, top), (right, top), (right, base), (x, base)]
    lid = [(x, top), (x + dx, top - dy), (right + dx, top - dy), (right, top)]
    side = [(right, top), (right + dx, top - dy), (right + dx, base - dy), (right, base)]
    drawn = ""
    # Light falls from above: the lid is the palest face.
    for corners, shade in ((side, 1.0), (front, 0.75), (lid, 1.25)):
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in corners)
        drawn += f'<polygon points="{points}" fill="{_shade(color, shade)}" class="face"/>'
    return drawn


def _shade(color: str, factor: float) -> str:
    """Darker below 1, paler above."""
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    if factor <= 1:
        mixed = [c * factor for c in channels]
    else:
        mixed = [c + (255 - c) * (factor - 1) for c in channels]
    return "#" + "".join(f"{round(c):02x}" for c in mixed)


def _label(x: float, base: float, name: str, shape: Shape) -> str:
    size = "×".join(map(str, shape))
    return (
        f'<text x="{x:.1f}" y="{base + 18:.1f}" text-anchor="middle" class="name">{name}</text>'
        f'<text x="{x:.1f}" y="{base + 34:.1f}" text-anchor="middle" class="shape">{size}</text>'
    )


def parameters_beside_macs(summary: Summary) -> go.Figure:
    """Each layer's share of the parameters, to the left, and of the MACs, to the right."""
    layers = [layer for layer in summary.layers if layer.params]
    names = [layer.name for layer in layers]
    colors = [KIND_COLORS[layer.kind] for layer in layers]
    figure = go.Figure()
    for what, total, sign in (
        ("parameters", summary.total_params, -1),
        ("MACs", summary.total_macs, 1),
    ):
        counts = [layer.params if sign < 0 else layer.macs for layer in layers]
        shares = [100 * count / total for count in counts]
        figure.add_bar(
            name=what,
            orientation="h",
            y=names,
            x=[sign * share for share in shares],
            marker={"color": colors},
            text=[_percent(share) for share in shares],
            textposition="outside",
            cliponaxis=False,
            customdata=counts,
            hovertemplate=f"%{{y}}: %{{customdata:,}} {what} (%{{text}})<extra></extra>",
        )
    # Both halves reach equally far, with room for the figures at the ends of the bars.
    reach = 1.3 * max(abs(x) for bar in figure.data for x in bar.x)
    style(figure, height=40 * len(layers) + 60)
    figure.update_layout(barmode="relative", showlegend=False, bargap=0.35)
    figure.update_xaxes(range=[-reach, reach], visible=False)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.add_vline(x=0, line_color="rgba(128,128,128,0.6)", line_width=1)
    for x, title in ((-reach / 2, "Parameters"), (reach / 2, "Work (MACs)")):
        figure.add_annotation(
            x=x, y=1.0, yref="paper", yanchor="bottom", text=f"<b>{title}</b>", showarrow=False
        )
    return figure


def _percent(share: float) -> str:
    """Whole numbers where that says enough: ``56 %``, ``0.3 %``, ``< 0.1 %``."""
    if share < 0.1:
        return "< 0.1 %"
    return f"{share:.0f} %" if share >= 10 else f"{share:.1f} %"
