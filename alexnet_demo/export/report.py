"""A run as one HTML file that opens anywhere: no script in it, nothing loaded from anywhere.

Records → template. Imports no torch; only asking a network about the test pictures does, where it
has not been asked before. What users wrote reaches the page through the template's escaping alone.
"""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alexnet_demo import __version__
from alexnet_demo.common.files import read_json, sha256, write_atomically
from alexnet_demo.common.text import duration, percent, whole_percent, without_folders
from alexnet_demo.export import report_sections
from alexnet_demo.export.svg_plot import Line, Plot, span
from alexnet_demo.figures.results import FEW
from alexnet_demo.figures.theme import REFERENCE_COLOR, TEST_COLOR, TRAIN_COLOR, width_name
from alexnet_demo.figures.training import downsample
from alexnet_demo.inference import predictions
from alexnet_demo.inference.predictions import Results
from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.events import Event
from alexnet_demo.runs.history import History
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import resolved_config
from alexnet_demo.settings.article import ARTICLE_TEST_ACCURACY, ARTICLE_TEST_LOSS, CLASSES
from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.settings.recipes import RECIPES

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
    text = render(run, ask(run, device))
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
    if not run.best.is_file():
        return None
    if (found := cached_results(run)) is not None:
        return found
    from alexnet_demo.inference import full_pass
    from alexnet_demo.inference.classifier import Classifier

    log.info("Asking the network about the test pictures")
    return full_pass.predict_test_set(Classifier.load_with_digest(run.best, device))[0]


def cached_results(run: Run) -> Results | None:
    """What a run's best weights were found to say of the test set; None if it is not known."""
    digest = sha256(run.best)
    return predictions.load(digest) if digest else None


def render(run: Run, found: Results | None) -> str:
    """The report as HTML.

    Args:
        run: as it stands now.
        found: what its best weights say of the test set, where that is known.
    """
    history, seen = run.history, snapshots.follow(run.snapshots)
    told = {
        **_head(run, history),
        **_training(run, history),
        **report_sections.answers(run, history, found, seen),
        "pins": [
            told for pin in pins.read(run.pins) if (told := report_sections.pinned(pin, seen))
        ],
        **report_sections.layers(seen),
        "style": _style(),
        "version": __version__,
        "made": f"{datetime.now():%d %B %Y, %H:%M}",
        "id": run.id,
        "classes": CLASSES,
        "few": FEW,
    }
    return _environment().get_template("report.html").render(told).strip()


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("alexnet_demo.export"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _style() -> Markup:
    colors = {"train": TRAIN_COLOR, "test": TEST_COLOR, "article": REFERENCE_COLOR}
    return Markup(_environment().get_template("report.css").render(colors))


# ------------------------------------------------------------------ the training


def _head(run: Run, history: History) -> dict[str, Any]:
    best, last = history.best, history.epochs[-1] if history.epochs else None
    tested = run.config.eval_split
    figures = []
    if best and last:
        figures = [
            (f"best {tested} accuracy, epoch {best['epoch']}", percent(best["test_accuracy"], 2)),
            (f"last {tested} accuracy", percent(last["test_accuracy"], 2)),
            (f"last {tested} loss", f"{last['test_loss']:.4f}"),
        ]
    if history.seconds:
        figures.append(("at work", duration(history.seconds)))
    if parameters := ([history.start or {}, *history.grow_events])[-1].get("parameters"):
        figures.append(("parameters", f"{parameters:,}"))
    state = "finished early" if run.stopped_early else run.state
    done = f"{history.epochs_done} of {run.config.epochs} epochs"
    return {
        "name": run.name,
        "note": run.note,
        "error": without_folders(run.error),
        "lead": f"Recipe {RECIPES[run.config.recipe].title}, {state}, {done}, begun on "
        f"{run.started:%d %B %Y, %H:%M}",
        "figures": figures,
    }


def _training(run: Run, history: History) -> dict[str, Any]:
    config, start = run.config, history.start or {}
    recipe = RECIPES[config.recipe]
    changed = [
        (SETTINGS[name].label, _value(value), _value(usual))
        for name, (value, usual) in config.changes().items()
    ]
    command = ["python", "-m", "alexnet_demo", *resolved_config(run).command()]
    return {
        "recipe": f"{recipe.title}. {recipe.summary}",
        "changed": changed,
        "machine": _machine(run, start),
        "command": [shlex.quote(word) for word in command],
        "tested": config.eval_split.capitalize(),
        "curves": _curves(run, history),
        "epochs": [_epoch(epoch, history.best) for epoch in history.epochs],
    }


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value) or "none"


def _machine(run: Run, start: Event) -> report_sections.Rows:
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
    tested = run.config.eval_split
    epochs = downsample(history.epochs, keep=history.best)
    lines = [
        Line("train, per batch", "batch", _points(downsample(history.batches), metric)),
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
        marks=[(g["epoch"], f"{width_name(g['width'])} →") for g in history.grow_events],
        words=whole_percent if accuracy else "{:g}".format,
    )


def _points(events: Iterable[Event], name: str) -> list[tuple[float, float]]:
    return [(event["epoch"], event[name]) for event in events]
