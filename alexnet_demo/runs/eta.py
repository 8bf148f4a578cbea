"""Estimate a run's remaining time from its recent speed and the steps left."""

from __future__ import annotations

from itertools import pairwise
from statistics import harmonic_mean

from alexnet_demo.runs.history import History
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.schedule import stages

WORK_BY_WIDTH = 1.66
"""Exponent of a step's duration by width: a network four times as wide takes ten times as long."""
RECENT_BATCHES = 120
"""Batch events that the speed is averaged over; at two per second, those of a minute."""


def seconds_left(run: Run, history: History) -> float | None:
    """Estimated seconds of training and evaluation left; None before the speed is known.

    The first interval is left out of the speed, since its batch also plans and allocates. So is
    everything before the network last grew, which makes it slower.
    """
    config, step = run.config, history.step
    grown_at = history.grow_events[-1]["step"] if history.grow_events else 0
    recent = [b for b in history.batches[-RECENT_BATCHES - 1 :] if b["step"] >= grown_at]
    intervals = [(b["images_per_s"], b["step"] - a["step"]) for a, b in pairwise(recent)]
    intervals = [(speed, steps) for speed, steps in intervals if speed > 0 and steps > 0]
    if not intervals:
        return None
    speed = harmonic_mean(*zip(*intervals, strict=True))
    width = current_width(run, history)
    # A network that has grown keeps its width, even if more epochs were planned since.
    steps_left = sum(
        max(0, stage.end - max(stage.first, step))
        * (max(stage.width, width) / width) ** WORK_BY_WIDTH
        for stage in stages(config)
    )
    training = steps_left * config.train_images / config.steps_per_epoch / speed
    # Before the first evaluation is timed: a forward pass takes about a third of a training step.
    timed = [e["test_seconds"] for e in history.epochs if "test_seconds" in e]
    evaluation = timed[-1] if timed else config.eval_images / (3 * speed)
    evaluations = float(config.epochs - history.epochs_done)
    if config.validation:  # the best weights' on the test set
        evaluations += config.test_samples / config.eval_images
    return training + evaluation * evaluations


def current_width(run: Run, history: History) -> float:
    """The network's width now, as a fraction of the article's."""
    if history.grow_events:
        return history.grow_events[-1]["width"]
    return (history.start or {}).get("width") or stages(run.config)[0].width
