"""An experiment's runs and their verdict as one HTML file. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from markupsafe import Markup

from alexnet_demo import __version__
from alexnet_demo.common import text
from alexnet_demo.common.templates import environment
from alexnet_demo.export.svg_plot import Line, Plot, round_range
from alexnet_demo.figures.theme import REFERENCE_COLOR
from alexnet_demo.figures.twin_runs import COLORS, bands
from alexnet_demo.runs.twin_runs import TwinRun, result
from alexnet_demo.settings.config import EXECUTION, SETTINGS, TrainConfig
from alexnet_demo.settings.experiments import CRITERION, ONE_SEED, Experiment

ALWAYS = ("epochs", "batch_size", "lr", "schedule", "momentum", "init", "train_samples")
"""Settings that a reader looks for, also where they are the usual ones."""


def render(
    experiment: Experiment, runs: Sequence[TwinRun], prediction: str = "", about: str = ""
) -> str:
    """The report as HTML.

    Args:
        runs: of one or several seeds.
        prediction: the outcome that the reader predicted; empty for none.
        about: where the runs were trained, a sentence.
    """
    templates = environment(Path(__file__).with_name("templates"), autoescape=True)
    configs, usual = [*experiment.configs().values()], TrainConfig()
    rows = []
    for name, setting in SETTINGS.items():
        values = [getattr(config, name) for config in configs]
        differs = set(values) != {getattr(usual, name)}
        if name in ALWAYS or (differs and name not in (*EXECUTION, "seed")):
            rows.append((setting.label, [setting.text(value) for value in values]))
    seeds = sorted({run.seed for run in runs})
    colors = {"train": COLORS[0], "test": COLORS[1], "article": REFERENCE_COLOR}
    return (
        templates.get_template("experiment.html")
        .render(
            experiment=experiment,
            verdict=result(experiment, runs),
            prediction=prediction,
            criterion=CRITERION if len(seeds) > 1 else f"{CRITERION} {ONE_SEED}",
            curves=[_curve(experiment, runs, metric) for metric in ("loss", "accuracy")],
            rows=rows,
            seeds=seeds,
            about=about,
            colors=COLORS[: len(configs)],
            style=Markup(templates.get_template("report.css").render(colors)),
            version=__version__,
            created=f"{datetime.now().astimezone():%d %B %Y, %H:%M %Z}",
        )
        .strip()
    )


def _curve(experiment: Experiment, runs: Sequence[TwinRun], metric: str) -> Plot:
    """As `figures.twin_runs.twin_curves`."""
    lines = []
    for split, style in (("test", ""), ("train", "dotted")):
        for index, (label, band) in enumerate(bands(experiment, runs, f"{split}_{metric}").items()):
            kind = f"variant-{index} {style}"
            lines.append(Line(f"{label}, {split}", kind, [(x, mid) for x, _, mid, _ in band]))
            if split == "test" and any(low != high for _, low, _, high in band):
                for edge in (1, 3):
                    points = [(point[0], point[edge]) for point in band]
                    lines.append(Line("", f"variant-{index} bound", points))
    return Plot(
        title=metric.capitalize(),
        x_title="Training images seen",
        x_min_step=1,
        x=(0, max(c.epochs * c.train_images for c in experiment.configs().values())),
        y=round_range([y for line in lines for _, y in line.points]),
        lines=lines,
        x_format="{:,.0f}".format,
        y_format=text.whole_percent if metric == "accuracy" else "{:g}".format,
    )
