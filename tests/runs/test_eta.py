"""The estimated time left."""

from __future__ import annotations

import pytest

from alexnet_demo.runs import eta
from alexnet_demo.runs.history import NUMBERS, History
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig


def test_the_time_left_follows_the_recent_speed(runs_dir):
    run = Run(runs_dir / "a")
    prepare(run.directory, TrainConfig(epochs=1, batch_size=10, train_samples=1000, test_samples=1))
    history = History()

    def batch(step: int, images_per_s: float) -> None:
        numbers = dict.fromkeys(NUMBERS["batch"], 1.0) | {"step": step, "time": step}
        history.add({"event": "batch", **numbers, "images_per_s": images_per_s})

    batch(1, 0.5)  # the first batch also plans and allocates
    assert eta.seconds_left(run, history) is None
    batch(11, 100.0)
    assert eta.seconds_left(run, history) == pytest.approx(8.9, abs=0.01)
    batch(41, 300.0)  # in all 40 steps of ten images in two seconds
    assert eta.seconds_left(run, history) == pytest.approx(590 / 200, abs=0.01)


def test_the_time_left_accounts_for_growth(runs_dir):
    run = Run(runs_dir / "a")
    prepare(
        run.directory,
        TrainConfig(epochs=2, batch_size=10, train_samples=1000, test_samples=1, grow="0.25:0.5"),
    )
    history = History()
    for step in (1, 51):
        numbers = dict.fromkeys(NUMBERS["batch"], 1.0) | {"step": step, "images_per_s": 100.0}
        history.add({"event": "batch", **numbers, "time": step})
    left = 4.9 + 10 * 4**eta.WORK_BY_WIDTH  # seconds at a quarter of the width, then at the whole
    assert eta.seconds_left(run, history) == pytest.approx(left, abs=0.01)


def test_the_time_left_includes_the_evaluation_on_the_test_set(runs_dir):
    config = TrainConfig(epochs=1, batch_size=10, train_samples=100, validation=20, test_samples=40)
    run, history = Run(runs_dir / "a"), History()
    prepare(run.directory, config)
    for step in (1, 10):
        numbers = dict.fromkeys(NUMBERS["batch"], 1.0) | {"step": step, "images_per_s": 100.0}
        history.add({"event": "batch", **numbers, "time": step})
    epoch = dict.fromkeys(NUMBERS["epoch"], 1.0) | {"step": 10, "test_seconds": 3.0}
    history.add({"event": "epoch", **epoch, "time": 11})
    assert eta.seconds_left(run, history) == pytest.approx(2 * 3.0)
