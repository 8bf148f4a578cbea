"""TODO docstring."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from alexnet_demo.settings.article import CLASSES

if TYPE_CHECKING:  # both import torch, which this module must not
    pass

# Ten colours told apart with any colour vision, light or dark background
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


def style(figure: go.Figure, height: int) -> go.Figure:
    """The look that all figures share; it overrides the template that Streamlit installs."""
    figure.update_layout(
        template="none",  # the named ones cost more than the figure itself
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


def width_name(width: float) -> str:
    """Such as ``¼ width``, ``⅛ width``, ``0.3 width`` or ``whole width``."""
    if width == 1:
        return "whole width"
    signs = {2: "½", 4: "¼", 8: "⅛"}
    share = Fraction(width).limit_denominator(64)
    if share.numerator == 1 and float(share) == width:
        return f"{signs.get(share.denominator, f'1/{share.denominator}')} width"
    return f"{width:g} width"
