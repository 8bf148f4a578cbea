"""A run as one HTML file that opens anywhere, without scripts or external resources.

Run records → template. Imports no torch, unless the test set must be run through the model first.
User input reaches the page only through the template's escaping.
"""

from __future__ import annotations

import logging
import shlex
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from alexnet_demo import __version__
from alexnet_demo.common import text
from alexnet_demo.common.files import prepare_output, read_json, sha256, write_text
from alexnet_demo.common.templates import environment
from alexnet_demo.export import report_sections
from alexnet_demo.export.svg_plot import Line, Plot, round_range
from alexnet_demo.figures.results import MIN_BIN_COUNT
from alexnet_demo.figures.theme import REFERENCE_COLOR, TEST_COLOR, TRAIN_COLOR, width_name
from alexnet_demo.figures.training import downsample
from alexnet_demo.inference import predictions
from alexnet_demo.inference.predictions import Results
from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.history import History
from alexnet_demo.runs.run import Run, has_weights
from alexnet_demo.runs.store import resolved_config
from alexnet_demo.settings.article import (
    ARTICLE_CURVES,
    CLASSES,
    TEST_SAMPLES,
    TRAIN_SAMPLES,
)
from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.settings.recipes import RECIPES

log = logging.getLogger(__name__)


def write(run: Run, path: Path, device: str = "auto") -> dict[str, Any]:
    """Write the report of a run, after running its best weights on the test set if necessary.

    Returns:
        ``{"run", "path", "bytes", "seconds"}``.

    Raises:
        ValueError: for unusable weights or a device that is not available.
        DataError: when the test set cannot be read.
        OSError: when the file cannot be written.
    """
    start = time.perf_counter()
    prepare_output(path)
    write_text(path, render(run, test_results(run, device)))
    return {
        "run": run.id,
        "path": str(path),
        "bytes": path.stat().st_size,
        "seconds": round(time.perf_counter() - start, 2),
    }


def test_results(run: Run, device: str = "auto") -> Results | None:
    """Test results of a run's best weights, cached or computed now; None without weights."""
    if not has_weights(run.best):
        return None
    if (results := predictions.load(sha256(run.best))) is not None:
        return results
    from alexnet_demo.inference import full_pass
    from alexnet_demo.inference.classifier import Classifier

    log.info("Running the model on the test set")
    return full_pass.predict_test_set(Classifier.load_with_digest(run.best, device))[0]


def render(run: Run, results: Results | None) -> str:
    """The report as HTML, with the test results where there are some."""
    history, recorded = run.history, snapshots.follow(run.snapshots)
    sections = (report_sections.pin_section(pin, recorded) for pin in pins.read(run.pins))
    templates = environment(
        Path(__file__).with_name("templates"),
        autoescape=True,
        percent=lambda share, digits=1: "–" if share is None else text.percent(share, digits),
        number=lambda value, digits: "–" if value is None else f"{value:.{digits}g}",
        count="{:,}".format,
        duration=text.duration,
    )
    colors = {"train": TRAIN_COLOR, "test": TEST_COLOR, "article": REFERENCE_COLOR}
    command = ["python", "-m", "alexnet_demo", *resolved_config(run).command()]
    metrics = ("accuracy", "loss") if history.epochs or history.batches else ()
    context = {
        "run": run,
        "history": history,
        "best": history.best,
        "state": "stopped early" if run.stopped_early else run.state,
        "error": text.without_folders(run.error),
        "parameters": [history.start or {}, *history.grow_events][-1].get("parameters"),
        "recipe": RECIPES[run.config.recipe],
        "settings": SETTINGS,
        "machine": _machine(run, history),
        "command": [shlex.quote(word) for word in command],
        "curves": [_curve(run, history, metric) for metric in metrics],
        **report_sections.test_section(history, results, recorded),
        "pins": [section for section in sections if section],
        **report_sections.layer_section(recorded),
        "style": Markup(templates.get_template("report.css").render(colors)),
        "version": __version__,
        "created": f"{datetime.now().astimezone():%d %B %Y, %H:%M %Z}",
        "classes": CLASSES,
        "min_bin_count": MIN_BIN_COUNT,
    }
    return templates.get_template("report.html").render(context).strip()


def _machine(run: Run, history: History) -> dict[str, Any]:
    """What the run trained on, by name; empty values are unknown."""
    start, stored = history.start or {}, read_json(run.directory / "config.json")
    versions = start.get("versions") or stored.get("versions") or {}
    return {
        "Machine": start.get("device_name"),
        "Device": start.get("device"),
        "Precision": text.precision_name(start.get("precision"), start.get("tf32")),
        "Memory format": start.get("memory_format"),
        "Processes": start.get("processes"),
        "Versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "Commit": start.get("commit") or stored.get("commit"),
        "Run": run.id,
    }


def _curve(run: Run, history: History, metric: str) -> Plot:
    end = max([run.config.epochs, *(e["epoch"] for e in history.epochs[-1:])])
    accuracy = metric == "accuracy"
    lines = [
        Line(
            name,
            kind,
            [(event["epoch"], event[field]) for event in downsample(events, keep=history.best)],
            dots=kind != "batch",
        )
        for name, kind, field, events in (
            ("train, per batch", "batch", metric, history.batches),
            ("train", "train", f"train_{metric}", history.epochs),
            (run.config.eval_set, "test", f"test_{metric}", history.epochs),
        )
    ]
    lines += [
        Line(f"the article, {count:,} {images} images", kind, list(enumerate(values[:end], 1)))
        for (images, values), (kind, count) in zip(
            ARTICLE_CURVES[metric].items(),
            (("article-train", TRAIN_SAMPLES), ("article", TEST_SAMPLES)),
            strict=True,
        )
    ]
    return Plot(
        title=metric.capitalize(),
        x_title="Epoch",
        x_min_step=1,
        x=(0, end),
        y=round_range([y for line in lines for _, y in line.points]),
        lines=lines,
        marks=[(g["epoch"], f"{width_name(g['width'])} →") for g in history.grow_events],
        y_format=text.whole_percent if accuracy else "{:g}".format,
    )
