"""What a run's network knows and how it came to it, as a report tells it: records → rows and plots.

Imports no torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from alexnet_demo.common.errors import DataError
from alexnet_demo.common.text import percent, whole_percent
from alexnet_demo.data import fashion_mnist
from alexnet_demo.export.svg_plot import Bar, Line, Plot
from alexnet_demo.figures.results import FEW
from alexnet_demo.images.encode import data_url, enlarge, overlay_heatmap
from alexnet_demo.inference.predictions import Results, class_scores
from alexnet_demo.runs import snapshots
from alexnet_demo.runs.history import History
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.settings.article import CLASSES

MISTAKES = 24
MOMENTS = 6  # at which each pin is shown
WORRIES = 12
_HEAT_SIDE = 72  # pixels
_TINT = 0.8  # of a confusion matrix's cell with all of its row's pictures
Rows = list[tuple[str, str]]


def answers(
    run: Run, history: History, found: Results | None, seen: list[Snapshot]
) -> dict[str, Any]:
    """What is said of the test pictures; without weights, of the epoch whose counts are kept."""
    told: dict[str, Any] = dict.fromkeys(
        ("test_figures", "confusion", "by_class", "calibration", "mistakes"), ()
    )
    counted = [moment for moment in seen if moment.confusion]
    if found is not None:
        counts = found.confusion
        asked = (
            f"The best weights of this run were asked about all {len(found.labels):,} test "
            "pictures, which no training has seen."
        )
        told |= {
            "test_figures": _test_figures(found),
            "calibration": _calibration(found),
            "mistakes": _mistakes(found),
        }
    elif counted:
        best = history.best or {}
        moment = next((m for m in counted if m.epoch == best.get("epoch")), counted[-1])
        counts = np.array(moment.confusion)
        asked = (
            f"The weights of this run are not at hand. These counts are of epoch "
            f"{moment.epoch:g}, on {counts.sum():,} {run.config.eval_split} pictures."
        )
    else:
        asked = "The weights of this run are not at hand, so that no picture could be shown to it."
        return {**told, "asked": asked}
    return {
        **told,
        "asked": asked,
        "confusion": _confusion(counts),
        "by_class": [
            (
                line.name,
                *("–" if s is None else percent(s) for s in (line.precision, line.recall, line.f1)),
                f"{line.samples:,}",
            )
            for line in class_scores(counts)
        ],
    }


def _test_figures(found: Results) -> Rows:
    return [
        ("test accuracy", percent(found.accuracy, 2)),
        ("mistakes", f"{int((~found.correct).sum()):,}"),
        ("mean confidence", percent(float(found.confidence.mean(dtype=np.float64)))),
        ("calibration error", percent(found.calibration_error(), 2)),
    ]


def _confusion(counts: np.ndarray) -> list[list[dict[str, Any]]]:
    """Cells, tinted by the root of their share of the row, so that rare mistakes show too."""
    rows = counts.sum(1, keepdims=True)
    tints = _TINT * np.sqrt(counts / np.maximum(rows, 1))
    return [
        [
            {
                "count": f"{counts[i, j]:,}",
                "kind": "hit" if i == j else "miss",
                "share": round(float(tints[i, j]), 3),
            }
            for j in range(len(CLASSES))
        ]
        for i in range(len(CLASSES))
    ]


def _calibration(found: Results) -> Plot:
    filled = [b for b in found.calibration() if b.count]
    return Plot(
        title="Share of right answers",
        x_title="Confidence",
        x=(0, 1),
        y=(0, 1),
        bars=[Bar(b.low, b.high, b.accuracy, b.count < FEW) for b in filled],
        lines=[Line("", "article", [(0, 0), (1, 1)])],
        words=whole_percent,
        x_words=whole_percent,
    )


def _mistakes(found: Results) -> list[dict[str, Any]]:
    try:
        pictures, _ = fashion_mnist.read_split(train=False)
    except DataError:
        pictures = None
    return [
        {
            "number": int(n),
            "url": "" if pictures is None else data_url(Image.fromarray(pictures[n]), 28),
            "guess": CLASSES[found.predicted[n]],
            "truth": CLASSES[found.labels[n]],
            "confidence": percent(float(found.confidence[n])),
        }
        for n in found.mistakes()[:MISTAKES]
    ]


# ------------------------------------------------------------------ what was watched


def pinned(pin: Pin, seen: list[Snapshot]) -> dict[str, Any] | None:
    """A pinned picture and what was said of it on the way; None where nothing was."""
    watched = [moment for moment in seen if pin.id in moment.pins]
    if not watched:
        return None
    wanted = watched[-1].pins[pin.id].top_class if pin.label is None else pin.label
    points = [(m.epoch, m.pins[pin.id].probabilities[wanted]) for m in watched]
    places = np.linspace(0, len(watched) - 1, min(MOMENTS, len(watched))).round().astype(int)
    return {
        "name": pin.name,
        "truth": "" if pin.label is None else CLASSES[pin.label],
        "url": data_url(enlarge(Image.fromarray(pin.pixels), 84), 84),
        "plot": Plot(
            title=f"Probability of {CLASSES[wanted]}",
            x_title="Epoch",
            x_least=1,
            x=(0, max(watched[-1].epoch, 1)),
            y=(0, 1),
            lines=[Line("", "test", points)],
            words=whole_percent,
            width=260,
            height=130,
        ),
        "moments": [_pin_at(pin, watched[place]) for place in places],
    }


def _pin_at(pin: Pin, moment: Snapshot) -> dict[str, Any]:
    said = moment.pins[pin.id]
    picture = overlay_heatmap(pin.pixels, said.heat / 255, _HEAT_SIDE)
    verdict = "" if pin.label is None else "right" if said.top_class == pin.label else "wrong"
    return {
        "when": _when(moment),
        "url": data_url(picture, _HEAT_SIDE),
        "guess": CLASSES[said.top_class],
        "confidence": whole_percent(said.probabilities[said.top_class]),
        "verdict": verdict,
    }


def _when(moment: Snapshot) -> str:
    if moment.step == 0:
        return "untrained"
    return f"{'after ' if moment.epoch.is_integer() else ''}epoch {round(moment.epoch, 2):g}"


def layers(seen: list[Snapshot]) -> dict[str, Any]:
    """How the layers were at the last moment, and what looked wrong on the way."""
    if not seen:
        return {"layers": (), "worries": (), "looks": 0, "last_moment": ""}
    diagnose = [(_when(moment), text) for moment in seen for text in snapshots.diagnose(moment)]
    left = len(diagnose) - WORRIES
    if left > 0:
        diagnose = [*diagnose[:WORRIES], ("Later", f"{left:,} more such sentences.")]
    return {
        "layers": [
            (
                layer.name,
                f"{layer.mean:.3g}",
                f"{layer.std:.3g}",
                percent(layer.zeros),
                "–" if layer.dead is None else percent(layer.dead),
                f"{layer.weight_norm:.3g}",
                "–" if layer.gradient_norm is None else f"{layer.gradient_norm:.2g}",
                "–" if layer.update_ratio is None else f"{layer.update_ratio:.2g}",
            )
            for layer in seen[-1].layers
        ],
        "worries": diagnose,
        "looks": len(seen),
        "last_moment": _when(seen[-1]),
    }
