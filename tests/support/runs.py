"""Settings that train in a second, and run directories without a training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig

TINY: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 16,
    "lr": 0.05,
    "momentum": 0.9,
    "width": 0.0625,
    "train_samples": 80,
    "test_samples": 32,
    "device": "cpu",
    "precision": "fp32",
    "memory_format": "channels_last",
}


def tiny_config(**changes: Any) -> TrainConfig:
    """Settings that train in about a second on a CPU."""
    return TrainConfig(**{**TINY, **changes})


def canned_run(
    runs: Path,
    run_id: str,
    accuracies: tuple[float, ...] | list[float] = (),
    end: str | None = "finished",
    *,
    settings: TrainConfig | None = None,
    weights: Path | None = None,
) -> Run:
    """A run directory as a trainer leaves it.

    Args:
        accuracies: on ``settings.eval_split``, one an epoch.
        end: the reason in the ``end`` event; None for a run that was killed.
        settings: default: the recipe ``quick``. With validation images, a finished run's test
            accuracy is one point below its best accuracy.
        weights: a file to stand for the checkpoints ``best`` and ``last``; None for no checkpoint.
    """
    settings = settings or TrainConfig.from_recipe("quick", epochs=max(1, len(accuracies)))
    run = Run(runs / run_id)
    prepare(run.directory, settings)
    writer = EventWriter(run.events)
    facts = {"device": "cpu", "device_name": "Some CPU", "precision": "fp32", "parameters": 7}
    writer.write("start", config=settings.to_json(), step=0, **facts)
    speed = {"images_per_s": 100.0, "peak_memory": 10**9}
    step = 0
    for epoch, accuracy in enumerate(accuracies, 1):
        step = epoch * settings.steps_per_epoch
        position = {"step": step, "epoch": epoch}
        writer.write("batch", **position, loss=0.5, accuracy=0.8, lr=0.1, **speed)
        writer.write(
            "epoch",
            **position,
            train_loss=0.48,
            train_accuracy=0.82,
            split=settings.eval_split,
            test_loss=1 - accuracy,
            test_accuracy=accuracy,
            seconds=10.0,
            test_seconds=1.0,
            **speed,
        )
    if end:
        tested = (
            {"test_accuracy": max(accuracies) - 0.01} if settings.validation and accuracies else {}
        )
        writer.write("end", reason=end, step=step, **(tested if end == "finished" else {}))
    writer.close()
    if weights:
        for checkpoint in (run.best, run.last):
            checkpoint.parent.mkdir(exist_ok=True)
            shutil.copy(weights, checkpoint)
    return run
