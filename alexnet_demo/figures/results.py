"""Calibration and selective prediction: results → Plotly figures. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go

from alexnet_demo.common.text import percent
from alexnet_demo.figures import theme
from alexnet_demo.inference.predictions import Bin

MAX_TICKS = 6  # on the horizontal axis: more labels collide on a phone
MIN_BIN_COUNT = 20  # predictions in a bin; bins with fewer are pale


def calibration_figure(bins: Sequence[Bin]) -> go.Figure:
    """A reliability diagram: accuracy against confidence, one bar per bin."""
    filled = [b for b in bins if b.count]
    figure = go.Figure()
    figure.add_bar(
        x=[(b.low + b.high) / 2 for b in filled],
        y=[b.accuracy for b in filled],
        width=[b.high - b.low for b in filled],
        marker={
            "color": theme.TRAIN_COLOR,
            "opacity": [1.0 if b.count >= MIN_BIN_COUNT else 0.35 for b in filled],
            "line": {"width": 1, "color": theme.OUTLINE_COLOR},
        },
        customdata=[[b.count, percent(b.confidence), percent(b.accuracy)] for b in filled],
        hovertemplate="%{customdata[0]:,} predictions<br>confidence %{customdata[1]}<br>"
        "accuracy %{customdata[2]}<extra></extra>",
    )
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line=theme.REFERENCE_LINE, hoverinfo="skip"
    )
    theme.style(figure, height=340)
    figure.update_layout(showlegend=False, xaxis_title="Confidence", yaxis_title="Accuracy")
    figure.update_xaxes(range=[0, 1], tickformat=".0%", nticks=MAX_TICKS)
    figure.update_yaxes(range=[0, 1], tickformat=".0%")
    return figure


def coverage_figure(
    thresholds: Iterable[float], points: Sequence[tuple[float, float | None]], accuracy: float
) -> go.Figure:
    """Accuracy against coverage, when the model abstains below a confidence threshold.

    Args:
        thresholds: confidences below which the model abstains.
        points: for each of them coverage and accuracy, see `Results.coverage`.
        accuracy: at full coverage.
    """
    curve = [(t, *point) for t, point in zip(thresholds, points, strict=True) if point[0]]
    figure = go.Figure()
    figure.add_scatter(
        x=[coverage for _, coverage, _ in curve],
        y=[selective for _, _, selective in curve],
        mode="lines",
        line={"color": theme.TEST_COLOR, "width": theme.CURVE_WIDTH},
        customdata=[
            (percent(threshold, 0), percent(coverage), percent(selective or 0, 2))
            for threshold, coverage, selective in curve
        ],
        hovertemplate="confidence at least %{customdata[0]}:<br>%{customdata[1]} of images, "
        "accuracy %{customdata[2]}<extra></extra>",
    )
    theme.style(figure, height=340)
    figure.update_layout(
        showlegend=False,
        xaxis_title="Coverage (share of images classified)",
        yaxis_title="Accuracy",
    )
    figure.add_hline(
        y=accuracy,
        line=theme.REFERENCE_LINE,
        annotation_text="all images",
        annotation_position="bottom left",
    )
    figure.update_xaxes(tickformat=".0%", autorange="reversed", nticks=MAX_TICKS)
    figure.update_yaxes(tickformat=".1%")
    return figure
