"""The curves of an experiment's runs in one figure. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from statistics import mean

import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from alexnet_demo.figures import theme
from alexnet_demo.runs.twin_runs import TwinRun
from alexnet_demo.settings.experiments import Experiment

BAND_OPACITY = 0.18
COLORS = (theme.PALETTE[0], theme.PALETTE[6], theme.PALETTE[4])
"""Of the variants, in order."""
Band = list[tuple[float, float, float, float]]
"""Points of a curve: images seen, and the lowest, mean, and highest value over the seeds."""


def bands(experiment: Experiment, runs: Sequence[TwinRun], field: str) -> dict[str, Band]:
    """A field of the epochs by the number of training images seen, over each variant's seeds.

    Args:
        field: such as ``test_loss``.
    """
    curves = {}
    for label in experiment.variants:
        group = [run for run in runs if run.variant == label]
        band = []
        for number, epochs in enumerate(zip_longest(*(run.epochs for run in group)), 1):
            values = [epoch[field] for epoch in epochs if epoch]
            images = number * group[0].train_images
            band.append((float(images), min(values), mean(values), max(values)))
        curves[label] = band
    return curves


def twin_curves(experiment: Experiment, runs: Sequence[TwinRun], metric: str) -> go.Figure:
    """Loss or accuracy of each variant: solid on test images, dotted on training images.

    Where there are several seeds, the curve is their mean, and a band shows their range on test
    images.

    Args:
        metric: ``loss`` or ``accuracy``.
    """
    figure = go.Figure()
    value = "%{y:.1%}" if metric == "accuracy" else "%{y:.3f}"
    for split, dash in (("test", "solid"), ("train", "dot")):
        curves = bands(experiment, runs, f"{split}_{metric}")
        for (label, band), color in zip(curves.items(), COLORS, strict=False):
            images, low, middle, high = map(list, zip(*band, strict=True)) if band else ([],) * 4
            if split == "test" and low != high:
                _add_band(figure, images, low, high, color)
            figure.add_scatter(
                x=images,
                y=middle,
                name=f"{label}, {split}",
                mode="lines+markers",
                line={"color": color, "width": theme.CURVE_WIDTH, "dash": dash},
                marker={"size": 5 if split == "train" else 7},
                hovertemplate=f"{value}<extra>%{{fullData.name}}, %{{x:,}} images seen</extra>",
            )
    theme.style(figure, height=340)
    figure.update_layout(
        yaxis_title=metric.capitalize(),
        xaxis_title="Training images seen",
        hovermode="closest",
        legend={"orientation": "h", "y": -0.3, "yanchor": "top", "x": 0},
    )
    longest = max(c.epochs * c.train_images for c in experiment.configs().values())
    figure.update_xaxes(range=[0, 1.02 * longest])
    if metric == "accuracy":
        figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return figure


def _add_band(
    figure: go.Figure, images: list[float], low: list[float], high: list[float], color: str
) -> None:
    """Fill the range of the seeds."""
    rgb = ",".join(map(str, hex_to_rgb(color)))
    figure.add_scatter(
        x=images + images[::-1],
        y=high + low[::-1],
        mode="lines",
        fill="toself",
        fillcolor=f"rgba({rgb},{BAND_OPACITY})",
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
