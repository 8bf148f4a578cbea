"""TODO docstring."""

from __future__ import annotations

from itertools import pairwise
from statistics import harmonic_mean

from alexnet_demo.runs.history import History
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.config import stages

WORK_BY_WIDTH = 1.66
"""Power of the width with which the time of a step goes: four times as wide, ten times as long."""


PACE = 120
"""Batch records that the time left is estimated from; at two a second, a minute's."""


def seconds_left(run: Run, history: History) -> float | None:
    """Steps and tests still to come, at the pace of the last minute; None until there is one.

    The first record is left out: its batch also plans and allocates, which takes far longer. A
    network that will be widened gets slower, and what it did while narrower tells little.
    """
    config, step = run.config, history.step
    grown = history.grow_events[-1]["step"] if history.grow_events else 0
    recent = [batch for batch in history.batches[-PACE - 1 :] if batch["step"] >= grown]
    pairs = pairwise(recent)
    timed = [(b["images_per_s"], b["step"] - a["step"]) for a, b in pairs]
    timed = [(speed, steps) for speed, steps in timed if speed > 0 and steps > 0]
    if not timed:
        return None
    speeds, weights = zip(*timed, strict=True)
    pace = harmonic_mean(speeds, weights)
    width = current_width(run, history)
    # Once widened a network stays so, though more epochs may have been planned since.
    steps_left = sum(
        max(0, stage.end - max(stage.first, step))
        * (max(stage.width, width) / width) ** WORK_BY_WIDTH
        for stage in stages(config)
    )
    left = steps_left * config.train_images / config.steps_per_epoch / pace
    # Before the first test is timed: a forward pass is about a third of a training step.
    tests = [e["test_seconds"] for e in history.epochs if "test_seconds" in e]
    test = tests[-1] if tests else config.eval_images / (3 * pace)
    return left + test * (config.epochs - history.epochs_done)


def current_width(run: Run, history: History) -> float:
    """The network's width now."""
    if history.grow_events:
        return history.grow_events[-1]["width"]
    return (history.start or {}).get("width") or stages(run.config)[0].width
