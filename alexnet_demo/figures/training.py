"""Records → Plotly figures. Imports no torch and no Streamlit."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go
from plotly.graph_objects import Figure

from alexnet_demo.figures.theme import (
    OTHER_COLORS,
    PALETTE,
    REFERENCE_COLOR,
    TEST_COLOR,
    TRAIN_COLOR,
    style,
    width_name,
)
from alexnet_demo.runs.events import Event
from alexnet_demo.runs.history import History
from alexnet_demo.settings.article import ARTICLE_TEST_ACCURACY, ARTICLE_TEST_LOSS
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import lr_at, stages

if TYPE_CHECKING:  # both import torch, which this module must not
    pass


# ------------------------------------------------------------------ architecture


# ---------------------------------------------------------------- before the training

SCHEDULE_POINTS = 200


def schedule_figure(settings: TrainConfig) -> Figure:
    """The learning rate over the epochs, and the widths that the network goes through."""
    total, per_epoch = settings.total_steps, settings.steps_per_epoch
    count = SCHEDULE_POINTS - 2
    peak = int(settings.warmup * total)  # after it a rise turns into a fall
    evenly = (round(i * (total - 1) / (count - 1)) for i in range(count))
    steps = [step for step in sorted({*evenly, peak, peak + 1}) if step < total]
    figure = go.Figure()
    figure.add_scatter(
        x=[step / per_epoch for step in steps],
        y=[lr_at(settings, step) for step in steps],
        mode="lines",
        line={"color": TRAIN_COLOR, "width": 2.5},
        hovertemplate="%{y:.4g}<extra>epoch %{x:.2f}</extra>",
    )
    style(figure, height=220)
    figure.update_layout(showlegend=False, yaxis_title="Learning rate", xaxis_title="Epoch")
    figure.update_xaxes(range=[0, settings.epochs])
    figure.update_yaxes(rangemode="tozero")
    parts = stages(settings)
    for number, part in enumerate(parts if len(parts) > 1 else ()):
        figure.add_vrect(
            x0=part.first / per_epoch,
            x1=part.end / per_epoch,
            fillcolor=TEST_COLOR,
            opacity=0.06 + 0.08 * number,
            line_width=0,
        )
        figure.add_annotation(
            x=(part.first + part.end) / 2 / per_epoch,
            y=1.02,
            yref="paper",
            yanchor="bottom",
            text=width_name(part.width),
            showarrow=False,
        )
    return figure


def lr_test_figure(trials: Sequence[Event], suggestion: float | None) -> Figure:
    """Loss against a rising learning rate, on a logarithmic axis, and the rate to use.

    Args:
        trials: records with ``lr``, ``loss`` and ``smoothed``.
        suggestion: a learning rate, or None while there is none yet.
    """
    figure = go.Figure()
    for field, name, line in (
        ("loss", "each step", {"color": TRAIN_COLOR, "width": 1}),
        ("smoothed", "smoothed", {"color": TEST_COLOR, "width": 2.5}),
    ):
        figure.add_scatter(
            x=[trial["lr"] for trial in trials],
            y=[trial[field] for trial in trials],
            name=name,
            mode="lines",
            line=line,
            hovertemplate=f"%{{y:.3f}}<extra>{name}, learning rate %{{x:.2g}}</extra>",
        )
    style(figure, height=260)
    figure.update_layout(xaxis_title="Learning rate", yaxis_title="Loss")
    figure.update_xaxes(type="log", dtick=1)
    if suggestion is not None:
        figure.add_vline(
            x=suggestion,
            line={"color": REFERENCE_COLOR, "dash": "dash"},
            annotation_text=f"{suggestion:g}",
        )
    return figure


# ---------------------------------------------------------------------- inside


# ---------------------------------------------------------------------- results


# ---------------------------------------------------------------------- training curves

MAX_POINTS = 300
Axis = Literal["epochs", "minutes"]
"""What curves run along: epochs done, or minutes at work."""


def downsample(records: list[Event], keep: Event | None = None) -> list[Event]:
    """At most `MAX_POINTS` of the records, evenly chosen, and ``keep`` and the last one.

    The stride is a power of two counted from the first: points stay the same as records come in,
    until every second one goes, so that a growing curve does not shimmer.
    """
    stride = 1 << max(0, (len(records) - 1) // MAX_POINTS).bit_length()
    return [r for i, r in enumerate(records) if i % stride == 0 or r is keep or r is records[-1]]


def training_curve(
    history: History,
    metric: str,
    epochs: int,
    *,
    log_scale: bool = False,
    others: Sequence[tuple[str, History]] = (),
    axis: Axis = "epochs",
) -> Figure:
    """Loss or accuracy of a run: per batch, and per epoch on training and test images.

    Args:
        history: the run so far.
        metric: ``loss`` or ``accuracy``; accuracy carries the article's published curve.
        epochs: planned epochs, the length of the x axis.
        log_scale: logarithmic y axis, for the loss.
        others: runs to compare with, each with its name; their test curves are added.
        axis: along minutes there is no curve of the article, which tells no times.
    """
    figure = go.Figure()
    batches, best = downsample(history.batches), history.best
    as_percent = metric == "accuracy"
    number = "%{y:.1%}" if as_percent else "%{y:.3f}"
    figure.add_scatter(
        x=_along(axis, batches),
        y=[b[metric] for b in batches],
        name="train, per batch",
        mode="lines",
        line={"color": TRAIN_COLOR, "width": 1.25},
        opacity=0.75,
        hovertemplate=f"{number}<extra>train, {_AT[axis]}</extra>",
    )
    points = downsample(history.epochs, keep=best)
    for part, color in (("train", TRAIN_COLOR), ("test", TEST_COLOR)):
        figure.add_scatter(
            x=_along(axis, points),
            y=[e[f"{part}_{metric}"] for e in points],
            name=f"{part}, per epoch",
            mode="lines+markers",
            line={"color": color, "width": 2.5},
            marker={"size": 7},
            hovertemplate=f"{number}<extra>{part}, {_AT[axis]}</extra>",
        )
    _add_tests(figure, others, metric, axis, OTHER_COLORS)
    if axis == "epochs":
        _add_article(figure, metric, number)
    if best:
        figure.add_scatter(
            x=_along(axis, [best]),
            y=[best[f"test_{metric}"]],
            name="best epoch",
            mode="markers",
            marker={
                "symbol": "star",
                "size": 15,
                "color": TEST_COLOR,
                "line": {"width": 1, "color": "white"},
            },
            hovertemplate=f"best: {number}<extra>{_AT[axis]}</extra>",
        )
    for event, x in zip(history.grow_events, _along(axis, history.grow_events), strict=True):
        figure.add_vline(
            x=x,
            line={"color": REFERENCE_COLOR, "width": 1, "dash": "dot"},
            annotation_text=f"{width_name(event['width'])} →",
            annotation_position="bottom left",  # on the right there may be no room
        )
    longest = max([epochs, *(len(other.epochs) for _, other in others)])
    _style_curve(figure, "Accuracy" if as_percent else "Loss", axis, longest)
    figure.update_yaxes(tickformat=".0%" if as_percent else None, type="log" if log_scale else None)
    if not batches and not points:
        figure.add_annotation(
            text="The curve begins after the first batches.",
            x=0.5,
            xref="paper",
            y=0.5,
            yref="paper",
            showarrow=False,
        )
    return figure


def compare_runs(runs: list[tuple[str, History]], metric: str, axis: Axis = "epochs") -> Figure:
    """Test loss or accuracy of several runs, each with its name, along epochs or minutes."""
    as_percent = metric == "accuracy"
    figure = go.Figure()
    _add_tests(figure, runs, metric, axis, PALETTE)
    if axis == "epochs":
        _add_article(figure, metric, "%{y:.1%}" if as_percent else "%{y:.3f}")
    longest = max((len(history.epochs) for _, history in runs), default=1)
    _style_curve(figure, f"Test {metric}", axis, longest)
    figure.update_yaxes(tickformat=".0%" if as_percent else None)
    return figure


_AT = {"epochs": "epoch %{x:.4~g}", "minutes": "after %{x:.1f} min"}


def _along(axis: Axis, events: Sequence[Event]) -> list[float]:
    """Where records stand on the x axis."""
    if axis == "epochs":
        return [event["epoch"] for event in events]
    return [event["elapsed"] / 60 for event in events]


def _add_tests(
    figure: Figure,
    runs: Sequence[tuple[str, History]],
    metric: str,
    axis: Axis,
    colors: Sequence[str],
) -> None:
    """The test curve of each run, under its name."""
    number = "%{y:.1%}" if metric == "accuracy" else "%{y:.3f}"
    for place, (name, history) in enumerate(runs):
        points = downsample(history.epochs, keep=history.best)
        figure.add_scatter(
            x=_along(axis, points),
            y=[e[f"test_{metric}"] for e in points],
            name=html.escape(name, quote=False),  # Plotly takes it for HTML
            mode="lines+markers",
            line={"color": colors[place % len(colors)], "width": 2.5},
            hovertemplate=f"{number}<extra>%{{fullData.name}}, {_AT[axis]}</extra>",
        )


def _add_article(figure: Figure, metric: str, number: str) -> None:
    """The article's published test curve, dashed."""
    published = ARTICLE_TEST_ACCURACY if metric == "accuracy" else ARTICLE_TEST_LOSS
    figure.add_scatter(
        x=list(range(1, len(published) + 1)),
        y=list(published),
        name="article, test",
        mode="lines",
        line={"color": REFERENCE_COLOR, "width": 1.5, "dash": "dash"},
        hovertemplate=f"{number}<extra>article, epoch %{{x}}</extra>",
    )


def _style_curve(figure: Figure, title: str, axis: Axis, epochs: int) -> None:
    style(figure, height=340)
    figure.update_layout(
        yaxis_title=title,
        xaxis_title="Epoch" if axis == "epochs" else "Minutes at work",
        hovermode="closest",
        legend={"orientation": "h", "y": -0.3, "yanchor": "top", "x": 0},
    )
    if axis == "epochs":
        # A margin for the markers at the end; few epochs get a tick each.
        figure.update_xaxes(range=[0, max(epochs, 1) * 1.02], dtick=1 if epochs <= 20 else None)
    else:
        figure.update_xaxes(rangemode="tozero")
