"""TODO docstring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.graph_objects import Figure

from alexnet_demo.figures.theme import REFERENCE_COLOR, TEST_COLOR, TRAIN_COLOR, style
from alexnet_demo.inference.predictions import Bin

if TYPE_CHECKING:  # both import torch, which this module must not
    pass

FEW = 20  # answers in a bin; fewer say little


def calibration_figure(bins: Sequence[Bin]) -> Figure:
    """Confidence against the share of right answers, a bar a bin (a reliability diagram)."""
    filled = [b for b in bins if b.count]
    figure = go.Figure()
    figure.add_bar(
        x=[(b.low + b.high) / 2 for b in filled],
        y=[b.accuracy for b in filled],
        width=[b.high - b.low for b in filled],
        marker={
            "color": TRAIN_COLOR,
            "opacity": [1.0 if b.count >= FEW else 0.35 for b in filled],
            "line": {"width": 1, "color": "rgba(128,128,128,0.5)"},
        },
        customdata=[[b.count, b.confidence] for b in filled],
        hovertemplate="%{customdata[0]:,} answers<br>confidence %{customdata[1]:.1%}<br>"
        "right %{y:.1%}<extra></extra>",
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": REFERENCE_COLOR, "dash": "dash"},
        hoverinfo="skip",
    )
    style(figure, height=340)
    figure.update_layout(
        showlegend=False, xaxis_title="Confidence", yaxis_title="Share of right answers"
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(range=[0, 1], tickformat=".0%")
    return figure


def coverage_figure(
    levels: Iterable[float], points: Sequence[tuple[float, float | None]], accuracy: float
) -> Figure:
    """Accuracy against the share of pictures answered, were only sure answers given.

    Args:
        levels: probabilities from which an answer is given.
        points: for each of them the share answered and the accuracy, see `Results.coverage`.
        accuracy: where all are answered.
    """
    shown = [(level, *point) for level, point in zip(levels, points, strict=True) if point[0]]
    figure = go.Figure()
    figure.add_scatter(
        x=[answered for _, answered, _ in shown],
        y=[right for _, _, right in shown],
        mode="lines",
        line={"color": TEST_COLOR, "width": 2.5},
        customdata=[level for level, _, _ in shown],
        hovertemplate="from a confidence of %{customdata:.0%} on:<br>%{x:.1%} answered, "
        "%{y:.2%} right<extra></extra>",
    )
    style(figure, height=340)
    figure.update_layout(
        showlegend=False, xaxis_title="Share of pictures answered", yaxis_title="Accuracy"
    )
    figure.add_hline(
        y=accuracy,
        line={"color": REFERENCE_COLOR, "dash": "dash"},
        annotation_text="all answered",
        annotation_position="bottom left",
    )
    figure.update_xaxes(tickformat=".0%", autorange="reversed")
    figure.update_yaxes(tickformat=".1%")
    return figure
