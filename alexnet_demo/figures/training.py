"""Learning-rate schedules and training curves: run records → Plotly figures. Imports no torch."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from alexnet_demo.figures import theme
from alexnet_demo.figures.theme import width_name
from alexnet_demo.runs.events import Event
from alexnet_demo.runs.history import History
from alexnet_demo.settings.article import ARTICLE_CURVES, TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import lr_at, stages

# ------------------------------------------------------------------ learning rate

SCHEDULE_POINTS = 200


def schedule_figure(settings: TrainConfig) -> go.Figure:
    """The learning rate by epoch, and the widths of a growing network."""
    total, per_epoch = settings.total_steps, settings.steps_per_epoch
    count = SCHEDULE_POINTS - 2
    peak = int(settings.warmup * total)  # the end of warm-up must be among the points
    evenly = (round(i * (total - 1) / (count - 1)) for i in range(count))
    steps = [step for step in sorted({*evenly, peak, peak + 1}) if step < total]
    figure = go.Figure()
    figure.add_scatter(
        x=[step / per_epoch for step in steps],
        y=[lr_at(settings, step) for step in steps],
        mode="lines",
        line={"color": theme.TRAIN_COLOR, "width": theme.CURVE_WIDTH},
        hovertemplate="%{y:.4g}<extra>epoch %{x:.2f}</extra>",
    )
    theme.style(figure, height=220)
    figure.update_layout(showlegend=False, yaxis_title="Learning rate", xaxis_title="Epoch")
    figure.update_xaxes(range=[0, settings.epochs])
    figure.update_yaxes(rangemode="tozero")
    parts = stages(settings)
    for number, part in enumerate(parts if len(parts) > 1 else ()):
        first, end = part.first / per_epoch, part.end / per_epoch
        opacity = 0.06 + 0.08 * number
        figure.add_vrect(
            x0=first, x1=end, fillcolor=theme.TEST_COLOR, opacity=opacity, line_width=0
        )
        figure.add_annotation(
            x=(first + end) / 2,
            y=1.02,
            yref="paper",
            yanchor="bottom",
            text=width_name(part.width),
            showarrow=False,
        )
    return figure


def lr_test_figure(trials: Sequence[Event], suggestion: float | None) -> go.Figure:
    """Loss against a rising learning rate, on a logarithmic axis, and the suggested rate.

    Args:
        trials: records with ``lr``, ``loss`` and ``smoothed``.
        suggestion: a learning rate, or None while there is none yet.
    """
    figure = go.Figure()
    for field, name, line in (
        ("loss", "each step", {"color": theme.TRAIN_COLOR, "width": 1}),
        ("smoothed", "smoothed", {"color": theme.TEST_COLOR, "width": theme.CURVE_WIDTH}),
    ):
        figure.add_scatter(
            x=[trial["lr"] for trial in trials],
            y=[trial[field] for trial in trials],
            name=name,
            mode="lines",
            line=line,
            hovertemplate=f"%{{y:.3f}}<extra>{name}, learning rate %{{x:.2g}}</extra>",
        )
    theme.style(figure, height=260)
    figure.update_layout(xaxis_title="Learning rate", yaxis_title="Loss")
    figure.update_xaxes(type="log", dtick=1)
    if suggestion is not None:
        figure.add_vline(x=suggestion, line=theme.REFERENCE_LINE, annotation_text=f"{suggestion:g}")
    return figure


# ------------------------------------------------------------------ training curves

MAX_POINTS = 300
Axis = Literal["epochs", "minutes"]
"""The x axis: epochs trained, or minutes of training."""
_AT = {"epochs": "epoch %{x:.4~g}", "minutes": "after %{x:.1f} min"}


def downsample(records: list[Event], keep: Event | None = None) -> list[Event]:
    """At most `MAX_POINTS` evenly spaced records, plus ``keep`` and the last one.

    The stride is a power of two, so the points of a growing curve stay the same until every second
    one is dropped, and the curve does not flicker.
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
) -> go.Figure:
    """Loss or accuracy of a run: per batch, and per epoch on training and on held-out images.

    Long, since it lists the style of each curve in the order in which they are drawn.

    Args:
        history: the run so far.
        metric: ``loss`` or ``accuracy``.
        epochs: planned epochs, the length of the x axis.
        log_scale: logarithmic y axis, for the loss.
        others: runs to compare with, each with its name; their curves on held-out images, which
            are validation or test images, are added.
        axis: with ``epochs``, the article's published curves are added; they have no times.
    """
    figure, best = go.Figure(), history.best
    _add_curve(
        figure,
        downsample(history.batches),
        metric,
        axis,
        name="train, per batch",
        hover=f"train, {_AT[axis]}",
        mode="lines",
        line={"color": theme.TRAIN_COLOR, "width": theme.BATCH_WIDTH},
        opacity=theme.BATCH_OPACITY,
    )
    for name, field, color in (
        ("train", f"train_{metric}", theme.TRAIN_COLOR),
        (history.eval_set, f"test_{metric}", theme.TEST_COLOR),
    ):
        _add_curve(
            figure,
            downsample(history.epochs, keep=best),
            field,
            axis,
            name=f"{name}, per epoch",
            hover=f"{name}, {_AT[axis]}",
            mode="lines+markers",
            line={"color": color, "width": theme.CURVE_WIDTH},
            marker={"size": 7},
        )
    _add_eval_curves(figure, others, metric, axis, theme.OTHER_COLORS)
    if axis == "epochs":
        _add_published(figure, metric, "training")
    if best:
        _add_curve(
            figure,
            [best],
            f"test_{metric}",
            axis,
            name="best epoch",
            hover=f"best, {_AT[axis]}",
            mode="markers",
            marker=theme.BEST_MARKER,
        )
    for event, x in zip(history.grow_events, _along(axis, history.grow_events), strict=True):
        figure.add_vline(
            x=x,
            line=theme.GROWTH_LINE,
            annotation_text=f"{width_name(event['width'])} →",
            annotation_position="bottom left",  # on the right there may be no room
        )
    longest = max([epochs, *(len(other.epochs) for _, other in others)])
    _style_curves(figure, metric.capitalize(), metric, axis, longest)
    figure.update_yaxes(type="log" if log_scale else None)
    if not history.batches and not history.epochs:
        figure.add_annotation(
            text="Appears after the first batches.",
            x=0.5,
            xref="paper",
            y=0.5,
            yref="paper",
            showarrow=False,
        )
    return figure


def compare_runs(runs: list[tuple[str, History]], metric: str, axis: Axis = "epochs") -> go.Figure:
    """Loss or accuracy of several runs, on validation or test images, by epochs or minutes."""
    figure = go.Figure()
    _add_eval_curves(figure, runs, metric, axis, theme.PALETTE)
    longest = max((len(history.epochs) for _, history in runs), default=1)
    _style_curves(figure, metric.capitalize(), metric, axis, longest)
    return figure


def published_curves(metric: str) -> go.Figure:
    """Loss or accuracy of the article's run, on its training and its test images."""
    figure, curves = go.Figure(), ARTICLE_CURVES[metric]
    for images in curves:
        _add_published(figure, metric, images)
    _style_curves(figure, metric.capitalize(), metric, "epochs", len(curves["test"]))
    return figure


def _along(axis: Axis, events: Sequence[Event]) -> list[float]:
    """The x coordinates of records."""
    if axis == "epochs":
        return [event["epoch"] for event in events]
    return [event["elapsed"] / 60 for event in events]


def _add_curve(
    figure: go.Figure, events: Sequence[Event], field: str, axis: Axis, hover: str, **trace: Any
) -> None:
    """Add a field of records; ``hover`` describes a point beside its value."""
    value = "%{y:.2%}" if field.endswith("accuracy") else "%{y:.3f}"
    figure.add_scatter(
        x=_along(axis, events),
        y=[event[field] for event in events],
        hovertemplate=f"{value}<extra>{hover}</extra>",
        **trace,
    )


def _add_eval_curves(
    figure: go.Figure,
    runs: Sequence[tuple[str, History]],
    metric: str,
    axis: Axis,
    colors: Sequence[str],
) -> None:
    """Curves on held-out images, each with what they are of, and the article's if by epochs."""
    for index, (name, history) in enumerate(runs):
        _add_curve(
            figure,
            downsample(history.epochs, keep=history.best),
            f"test_{metric}",
            axis,
            # Plotly renders names as HTML.
            name=f"{html.escape(name, quote=False)}, {history.eval_set}",
            hover=f"%{{fullData.name}}, {_AT[axis]}",
            mode="lines+markers",
            line={"color": colors[index % len(colors)], "width": theme.CURVE_WIDTH},
        )
    if axis == "epochs":
        _add_published(figure, metric, "test")


def _add_published(figure: go.Figure, metric: str, images: str) -> None:
    """The article's curve on its training or test images."""
    line, count = {
        "training": (theme.REFERENCE_TRAIN_LINE, TRAIN_SAMPLES),
        "test": (theme.REFERENCE_LINE, TEST_SAMPLES),
    }[images]
    _add_curve(
        figure,
        [{"epoch": n, metric: y} for n, y in enumerate(ARTICLE_CURVES[metric][images], 1)],
        metric,
        "epochs",
        name=f"article, {count:,} {images} images",
        hover=f"article, {images}, epoch %{{x}}",
        mode="lines",
        line=line,
    )


def _style_curves(figure: go.Figure, title: str, metric: str, axis: Axis, epochs: int) -> None:
    theme.style(figure, height=360)
    figure.update_layout(
        yaxis_title=title,
        xaxis_title="Epoch" if axis == "epochs" else "Minutes of training",
        hovermode="closest",
        legend={"orientation": "h", "y": -0.3, "yanchor": "top", "x": 0},
    )
    figure.update_yaxes(tickformat=".0%" if metric == "accuracy" else None)
    if axis == "epochs":
        # A margin for the markers at the end; few epochs get a tick each.
        figure.update_xaxes(range=[0, max(epochs, 1) * 1.02], dtick=1 if epochs <= 20 else None)
    else:
        figure.update_xaxes(rangemode="tozero")
