"""The report's sections on test results, pinned images, and layers: records → template variables.

Imports no torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from alexnet_demo.common.errors import DataError
from alexnet_demo.common.text import probability, whole_percent
from alexnet_demo.data import fashion_mnist
from alexnet_demo.export.svg_plot import Bar, Line, Plot
from alexnet_demo.figures.results import MIN_BIN_COUNT
from alexnet_demo.images.encode import data_url, enlarge, overlay_heatmap
from alexnet_demo.inference.predictions import Results, class_scores
from alexnet_demo.runs import snapshots
from alexnet_demo.runs.history import History
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.settings.article import CLASSES

MAX_MISTAKES = 24
MAX_PIN_SNAPSHOTS = 6
MAX_WARNINGS = 12
_HEATMAP_SIDE = 72  # pixels


def test_section(
    history: History, results: Results | None, recorded: list[Snapshot]
) -> dict[str, Any]:
    """Test results; without them, the confusion matrix of the best recorded epoch."""
    with_counts = [snapshot for snapshot in recorded if snapshot.confusion]
    epoch = (history.best or {}).get("epoch")
    sources = [s for s in with_counts if s.epoch == epoch] or with_counts[-1:]
    confusion = np.zeros((0, 0), int)
    if results is not None:
        confusion = results.confusion
    elif sources:
        confusion = np.array(sources[0].confusion)
    return {
        "results": results,
        "confusion": confusion.tolist(),
        "confusion_total": int(confusion.sum()),
        "confusion_epoch": sources[0].epoch if sources else None,
        "class_scores": class_scores(confusion) if len(confusion) else (),
        "calibration": None if results is None else _calibration(results),
        "mistakes": () if results is None else _mistakes(results),
    }


def _calibration(results: Results) -> Plot:
    filled = [b for b in results.calibration() if b.count]
    return Plot(
        title="Accuracy",
        x_title="Confidence",
        x=(0, 1),
        y=(0, 1),
        bars=[Bar(b.low, b.high, b.accuracy, b.count < MIN_BIN_COUNT) for b in filled],
        lines=[Line("", "article", [(0, 0), (1, 1)])],
        y_format=whole_percent,
        x_format=whole_percent,
    )


def _mistakes(results: Results) -> list[dict[str, Any]]:
    try:
        images, _ = fashion_mnist.read_split(train=False)
    except DataError:
        images = None
    return [
        {
            "index": int(index),
            "url": "" if images is None else data_url(Image.fromarray(images[index]), 28),
            "predicted": CLASSES[results.predicted[index]],
            "label": CLASSES[results.labels[index]],
            "confidence": float(results.confidence[index]),
        }
        for index in results.mistakes()[:MAX_MISTAKES]
    ]


# ------------------------------------------------------------------ snapshots


def pin_section(pin: Pin, recorded: list[Snapshot]) -> dict[str, Any] | None:
    """A pinned image and its predictions during training; None where there are none."""
    with_pin = [snapshot for snapshot in recorded if pin.id in snapshot.pins]
    if not with_pin:
        return None
    label = with_pin[-1].pins[pin.id].top_class if pin.label is None else pin.label
    count = min(MAX_PIN_SNAPSHOTS, len(with_pin))
    indices = np.linspace(0, len(with_pin) - 1, count).round().astype(int)
    return {
        "name": pin.name,
        "label": "" if pin.label is None else CLASSES[pin.label],
        "url": data_url(enlarge(Image.fromarray(pin.pixels), 84), 84),
        "plot": Plot(
            title=f"Probability of {CLASSES[label]}",
            x_title="Epoch",
            x_min_step=1,
            x=(0, max(with_pin[-1].epoch, 1)),
            y=(0, 1),
            lines=[
                Line("", "test", [(s.epoch, s.pins[pin.id].probabilities[label]) for s in with_pin])
            ],
            y_format=whole_percent,
            width=260,
            height=130,
        ),
        "snapshots": [_pin_at(pin, with_pin[index]) for index in indices],
    }


def _pin_at(pin: Pin, snapshot: Snapshot) -> dict[str, Any]:
    prediction = snapshot.pins[pin.id]
    heatmap = overlay_heatmap(pin.pixels, prediction.heat / 255, _HEATMAP_SIDE)
    correct = prediction.top_class == pin.label
    return {
        "when": _when(snapshot),
        "url": data_url(heatmap, _HEATMAP_SIDE),
        "predicted": CLASSES[prediction.top_class],
        "confidence": probability(prediction.probabilities[prediction.top_class]),
        "verdict": "" if pin.label is None else "right" if correct else "wrong",
    }


def _when(snapshot: Snapshot) -> str:
    if snapshot.step == 0:
        return "untrained"
    return f"{'after ' if snapshot.epoch.is_integer() else ''}epoch {round(snapshot.epoch, 2):g}"


def layer_section(recorded: list[Snapshot]) -> dict[str, Any]:
    """The layers in the last snapshot, and the warnings of all snapshots."""
    warnings = [(_when(s), warning) for s in recorded for warning in snapshots.diagnose(s)]
    if (more := len(warnings) - MAX_WARNINGS) > 0:
        warnings = [*warnings[:MAX_WARNINGS], ("Later", f"{more:,} more warnings.")]
    return {
        "layers": recorded[-1].layers if recorded else (),
        "warnings": warnings,
        "snapshot_count": len(recorded),
        "last_snapshot": _when(recorded[-1]) if recorded else "",
    }
