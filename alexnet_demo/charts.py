"""Records → Plotly figures. Imports no torch and no Streamlit."""

from __future__ import annotations

import plotly.graph_objects as go

from alexnet_demo.config import CLASSES

# Ten colours told apart with any colour vision, light or dark background
# (M. A. Petroff, "Accessible Color Sequences for Data Visualization", 2021).
PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
TRAIN_COLOR, TEST_COLOR, REFERENCE_COLOR = PALETTE[0], PALETTE[6], PALETTE[8]
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
