"""A run as one HTML file that opens anywhere: no script in it, nothing loaded from anywhere.

Records → template. Imports no torch; only asking a network about the test pictures does, where it
has not been asked before. What users wrote reaches the page through the template's escaping alone.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from alexnet_demo import __version__, moments, pins, published, results
from alexnet_demo.charts import FEW, REFERENCE_COLOR, TEST_COLOR, TRAIN_COLOR, thin, width_name
from alexnet_demo.config import (
    ARTICLE_TEST_ACCURACY,
    ARTICLE_TEST_LOSS,
    CLASSES,
    LIMITS,
    RECIPES,
    TrainConfig,
)
from alexnet_demo.events import Event, History
from alexnet_demo.files import read_json, sha256, write_atomically
from alexnet_demo.moments import Moment
from alexnet_demo.pictures import data_url, enlarge, warmed
from alexnet_demo.pins import Pin
from alexnet_demo.plots import Bar, Line, Plot, span
from alexnet_demo.results import Results, by_class
from alexnet_demo.runs import Run, as_trained
from alexnet_demo.wording import duration, percent

MISTAKES = 24
MOMENTS = 6  # at which each pin is shown
WORRIES = 12
_HEAT_SIDE = 72  # pixels
_TINT = 0.8  # of a confusion matrix's cell with all of its row's pictures
Rows = list[tuple[str, str]]
log = logging.getLogger(__name__)


def write(run: Run, path: Path, device: str = "auto") -> dict[str, Any]:
    """Write the report of a run, after asking its best weights about the test set if need be.

    Returns:
        ``{"run", "path", "bytes", "seconds"}``.

    Raises:
        ValueError: when the weights cannot be used, or the device is not there.
        DataError: when the test set cannot be read.
        OSError: when the file cannot be written.
    """
    begin = time.perf_counter()
    text = page(run, ask(run, device))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return {
        "run": run.id,
        "path": str(path),
        "bytes": path.stat().st_size,
        "seconds": round(time.perf_counter() - begin, 2),
    }


def ask(run: Run, device: str = "auto") -> Results | None:
    """What a run's best weights say of the test set, kept or asked now; None without weights."""
    if not run.best.is_file() or (found := kept(run)):
        return found if run.best.is_file() else None
    from alexnet_demo import survey
    from alexnet_demo.predict import Classifier

    log.info("Asking the network about the test pictures")
    classifier = Classifier.load(run.best, device)
    classifier.digest = sha256(run.best)
    return survey.of_test_set(classifier)[0]


def kept(run: Run) -> Results | None:
    """What a run's best weights were found to say of the test set; None if it is not known."""
    digest = sha256(run.best)
    return results.read(digest) if digest else None


def page(run: Run, found: Results | None) -> str:
    """The report as HTML.

    Args:
        run: as it stands now.
        found: what its best weights say of the test set, where that is known.
    """
    history, seen = run.history, moments.follow(run.moments)
    return (
        _template()
        .render(
            **_head(run, history),
            **_training(run, history),
            **_answers(run, history, found, seen),
            pins=[told for pin in pins.read(run.pins) if (told := _pin(pin, seen))],
            **_layers(seen),
            style=_style(),
            version=__version__,
            made=f"{datetime.now():%d %B %Y, %H:%M}",
            id=run.id,
            classes=CLASSES,
            few=FEW,
        )
        .strip()
    )


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("alexnet_demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template() -> Any:
    return _environment().get_template("report.html")


def _style() -> Markup:
    colors = {"train": TRAIN_COLOR, "test": TEST_COLOR, "article": REFERENCE_COLOR}
    return Markup(_environment().get_template("report.css").render(colors))


# ------------------------------------------------------------------ the training


def _head(run: Run, history: History) -> dict[str, Any]:
    best, last = history.best, history.epochs[-1] if history.epochs else None
    tested = run.config.tested_on
    figures = []
    if best and last:
        figures = [
            (f"best {tested} accuracy, epoch {best['epoch']}", percent(best["test_accuracy"], 2)),
            (f"last {tested} accuracy", percent(last["test_accuracy"], 2)),
            (f"last {tested} loss", f"{last['test_loss']:.4f}"),
        ]
    if history.seconds:
        figures.append(("at work", duration(history.seconds)))
    if parameters := ([history.start or {}, *history.grown])[-1].get("parameters"):
        figures.append(("parameters", f"{parameters:,}"))
    state = "finished early" if run.stopped_early else run.state
    done = f"{len(history.epochs)} of {run.config.epochs} epochs"
    return {
        "name": run.name,
        "note": run.note,
        "error": run.error,
        "lead": f"Recipe {RECIPES[run.config.recipe].title}, {state}, {done}, begun on "
        f"{run.started:%d %B %Y, %H:%M}",
        "figures": figures,
    }


def _training(run: Run, history: History) -> dict[str, Any]:
    config, start = run.config, history.start or {}
    usual, recipe = TrainConfig.from_recipe(config.recipe), RECIPES[config.recipe]
    changed = [
        (_label(f.name), _value(getattr(config, f.name)), _value(getattr(usual, f.name)))
        for f in fields(config)
        if getattr(config, f.name) != getattr(usual, f.name)
    ]
    command = ["python", "-m", "alexnet_demo", *as_trained(run).command()]
    return {
        "recipe": f"{recipe.title}. {recipe.summary}",
        "changed": changed,
        "machine": _machine(run, start),
        "command": [shlex.quote(word) for word in command],
        "tested": config.tested_on.capitalize(),
        "curves": _curves(run, history),
        "epochs": [_epoch(epoch, history.best) for epoch in history.epochs],
    }


def _label(setting: str) -> str:
    if setting in LIMITS:
        return LIMITS[setting].label
    return setting.replace("_", " ").capitalize()


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value) or "none"


def _machine(run: Run, start: Event) -> Rows:
    kept = read_json(run.directory / "config.json")
    versions = start.get("versions") or kept.get("versions") or {}
    commit = start.get("commit") or kept.get("commit")
    said = {
        "Machine": start.get("device_name"),
        "Device": start.get("device"),
        "Precision": start.get("precision"),
        "Memory format": start.get("memory_format"),
        "Processes": start.get("processes"),
        "Versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "Commit": commit,
        "Run": run.id,
    }
    return [(name, str(value)) for name, value in said.items() if value]


def _epoch(epoch: Event, best: Event | None) -> dict[str, Any]:
    width = epoch.get("width")
    cells = [
        str(epoch["epoch"]),
        f"{epoch['train_loss']:.4f}",
        percent(epoch["train_accuracy"], 2),
        f"{epoch['test_loss']:.4f}",
        percent(epoch["test_accuracy"], 2),
        f"{width:g}" if width else "–",
        f"{epoch['images_per_s']:,.0f}",
        duration(epoch["seconds"] + epoch["test_seconds"]),
    ]
    return {"cells": cells, "best": epoch is best}


def _curves(run: Run, history: History) -> list[Plot]:
    if not (history.epochs or history.batches):
        return []
    return [_curve(run, history, metric) for metric in ("accuracy", "loss")]


def _curve(run: Run, history: History, metric: str) -> Plot:
    end = max([run.config.epochs, *(e["epoch"] for e in history.epochs[-1:])])
    published_curve = ARTICLE_TEST_ACCURACY if metric == "accuracy" else ARTICLE_TEST_LOSS
    tested = run.config.tested_on
    epochs = thin(history.epochs, keep=history.best)
    lines = [
        Line("train, per batch", "batch", _points(thin(history.batches), metric)),
        Line("train", "train", _points(epochs, f"train_{metric}"), dots=True),
        Line(tested, "test", _points(epochs, f"test_{metric}"), dots=True),
        Line("the article, test", "article", list(enumerate(published_curve[:end], 1))),
    ]
    accuracy = metric == "accuracy"
    return Plot(
        title=metric.capitalize(),
        x_title="Epoch",
        x_least=1,
        x=(0, end),
        y=span([y for line in lines for _, y in line.points]),
        lines=lines,
        marks=[(g["epoch"], f"{width_name(g['width'])} →") for g in history.grown],
        words=_whole_percent if accuracy else "{:g}".format,
    )


def _points(events: Iterable[Event], name: str) -> list[tuple[float, float]]:
    return [(event["epoch"], event[name]) for event in events]


def _whole_percent(share: float) -> str:
    return percent(share, 0)


# ------------------------------------------------------------------ the test set


def _answers(
    run: Run, history: History, found: Results | None, seen: list[Moment]
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
            f"{moment.epoch:g}, on {counts.sum():,} {run.config.tested_on} pictures."
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
            for line in by_class(counts)
        ],
    }


def _test_figures(found: Results) -> Rows:
    return [
        ("test accuracy", percent(found.accuracy, 2)),
        ("mistakes", f"{int((~found.hits).sum()):,}"),
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
        words=_whole_percent,
        x_words=_whole_percent,
    )


def _mistakes(found: Results) -> list[dict[str, Any]]:
    pictures = published.test_pictures()
    return [
        {
            "number": int(n),
            "url": "" if pictures is None else data_url(Image.fromarray(pictures[n]), 28),
            "guess": CLASSES[found.guesses[n]],
            "truth": CLASSES[found.labels[n]],
            "confidence": percent(float(found.confidence[n])),
        }
        for n in found.mistakes()[:MISTAKES]
    ]


# ------------------------------------------------------------------ what was watched


def _pin(pin: Pin, seen: list[Moment]) -> dict[str, Any] | None:
    """A pinned picture and what was said of it on the way; None where nothing was."""
    watched = [moment for moment in seen if pin.id in moment.pins]
    if not watched:
        return None
    wanted = watched[-1].pins[pin.id].guess if pin.label is None else pin.label
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
            words=_whole_percent,
            width=260,
            height=130,
        ),
        "moments": [_pin_at(pin, watched[place]) for place in places],
    }


def _pin_at(pin: Pin, moment: Moment) -> dict[str, Any]:
    said = moment.pins[pin.id]
    picture = warmed(pin.pixels, said.heat / 255, _HEAT_SIDE)
    verdict = "" if pin.label is None else "right" if said.guess == pin.label else "wrong"
    return {
        "when": _when(moment),
        "url": data_url(picture, _HEAT_SIDE),
        "guess": CLASSES[said.guess],
        "confidence": percent(said.probabilities[said.guess], 0),
        "verdict": verdict,
    }


def _when(moment: Moment) -> str:
    if moment.step == 0:
        return "untrained"
    return f"{'after ' if moment.epoch.is_integer() else ''}epoch {moment.epoch:.3g}"


def _layers(seen: list[Moment]) -> dict[str, Any]:
    """How the layers were at the last moment, and what looked wrong on the way."""
    if not seen:
        return {"layers": (), "worries": (), "looks": 0, "last_moment": ""}
    worries = [(_when(moment), text) for moment in seen for text in moments.worries(moment)]
    left = len(worries) - WORRIES
    if left > 0:
        worries = [*worries[:WORRIES], ("Later", f"{left:,} more such sentences.")]
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
        "worries": worries,
        "looks": len(seen),
        "last_moment": _when(seen[-1]),
    }
