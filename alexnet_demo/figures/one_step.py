"""The loss of one batch over single steps: numbers → a Plotly figure. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from alexnet_demo.figures import theme


def losses_figure(losses: Sequence[float], after: float) -> go.Figure:
    """The loss before each step, and a hollow marker for the loss after the one shown.

    Args:
        losses: before the first step, and after each that was taken; the last one is current.
        after: the loss after the next step; left out if it is no finite number.
    """
    current = len(losses) - 1
    figure = go.Figure()
    figure.add_scatter(
        x=list(range(len(losses))),
        y=list(losses),
        mode="lines+markers",
        line={"color": theme.TRAIN_COLOR, "width": theme.CURVE_WIDTH},
        hovertemplate="%{y:.4f}<extra>after %{x} steps</extra>",
    )
    if math.isfinite(after):
        figure.add_scatter(
            x=[current, current + 1],
            y=[losses[-1], after],
            mode="lines+markers",
            line={"color": theme.TRAIN_COLOR, "width": 1, "dash": "dot"},
            marker={"symbol": "circle-open", "size": 9},
            hovertemplate="%{y:.4f}<extra>with this step</extra>",
        )
    theme.style(figure, height=240)
    figure.update_layout(showlegend=False, xaxis_title="Steps taken", yaxis_title="Loss")
    figure.update_xaxes(range=[-0.2, max(5, current + 1) + 0.2], tickformat="d")
    figure.update_yaxes(rangemode="tozero")
    return figure
