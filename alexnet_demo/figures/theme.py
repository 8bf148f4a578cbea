"""Colors and line styles of all figures, and the layout that they share."""

from __future__ import annotations

from fractions import Fraction

import pandas  # noqa: F401 - Plotly takes it half loaded while another thread imports it
import plotly.graph_objects as go

from alexnet_demo.settings.article import CLASSES

# Ten colors that differ for any color vision, on light and dark backgrounds
# (M. A. Petroff, "Accessible Color Sequences for Data Visualization", 2021).
PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
TRAIN_COLOR, TEST_COLOR, REFERENCE_COLOR = PALETTE[0], PALETTE[6], PALETTE[8]
OTHER_COLORS = tuple(
    color for color in PALETTE if color not in (TRAIN_COLOR, TEST_COLOR, REFERENCE_COLOR)
)
KIND_COLORS = {"input": PALETTE[7], "conv": PALETTE[0], "pool": PALETTE[8], "fc": PALETTE[5]}
CLASS_COLORS = dict(zip(CLASSES, PALETTE, strict=True))
OUTLINE_COLOR, GRID_COLOR = "rgba(128,128,128,0.5)", "rgba(128,128,128,0.2)"

CURVE_WIDTH, BATCH_WIDTH, BATCH_OPACITY = 2.5, 1.25, 0.75
REFERENCE_LINE = {"color": REFERENCE_COLOR, "width": 1.5, "dash": "dash"}
# The training curve of the same run as a REFERENCE_LINE.
REFERENCE_TRAIN_LINE = REFERENCE_LINE | {"dash": "dot"}
GROWTH_LINE = {"color": REFERENCE_COLOR, "width": 1, "dash": "dot"}
BEST_MARKER = {
    "symbol": "star",
    "size": 15,
    "color": TEST_COLOR,
    "line": {"width": 1, "color": "white"},
}


def style(figure: go.Figure, height: int) -> go.Figure:
    """Apply the shared layout, which overrides the template that Streamlit installs."""
    figure.update_layout(
        template="none",  # named templates take more time than the figure itself
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=list(PALETTE),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    axes = {"gridcolor": GRID_COLOR, "zerolinecolor": GRID_COLOR, "automargin": True}
    figure.update_xaxes(axes)
    figure.update_yaxes(axes)
    return figure


def width_name(width: float) -> str:
    """Such as ``¼ width``, ``⅛ width``, ``0.3 width`` or ``full width``."""
    if width == 1:
        return "full width"
    signs = {2: "½", 4: "¼", 8: "⅛"}
    share = Fraction(width).limit_denominator(64)
    if share.numerator == 1 and float(share) == width:
        return f"{signs.get(share.denominator, f'1/{share.denominator}')} width"
    return f"{width:g} width"
