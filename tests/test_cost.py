"""Arithmetic of the estimate."""

from __future__ import annotations

import pytest

from alexnet_demo.config import TrainConfig
from alexnet_demo.cost import Speed, estimate, fit

SPEED = Speed("cpu", "a CPU", "fp32", 0.01, 0.1, 0.004, 1_000, 10, 500)


def test_time_is_images_updates_and_tests():
    config = TrainConfig(train_samples=1000, test_samples=500, batch_size=100, epochs=3)
    found = estimate(config, SPEED)
    assert found.seconds_per_epoch == pytest.approx(1000 * 0.01 + 10 * 0.1 + 500 * 0.004)
    assert found.total_seconds == pytest.approx(3 * 13)
    assert found.images_per_s == pytest.approx(1000 / 11)
    assert found.memory_bytes == 500 + 1_000 + 1500


def test_fit_fills_the_time_given():
    config = TrainConfig.from_recipe("quick")
    fitted = fit(config, SPEED, seconds=600)
    assert fitted.train_samples % 1024 == 0
    one_more = 1024 * (0.01 + 0.1 / config.batch_size) * config.epochs
    assert estimate(fitted, SPEED).total_seconds == pytest.approx(600, abs=one_more)


def test_fit_stays_within_the_data_set():
    config = TrainConfig.from_recipe("quick")
    assert fit(config, SPEED, seconds=1e9).train_samples == 60_000
    assert fit(config, SPEED, seconds=1).train_samples == 2_048
