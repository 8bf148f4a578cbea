"""Estimated time and memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import Speed, estimate, fit

SPEED = Speed(1.0, "cpu", "a CPU", "fp32", 0.01, 0.1, 0.004, 250, 1_000, 10, 500)

QUICK = [replace(SPEED, width=0.125)]


def test_time_is_the_sum_of_images_updates_and_evaluations():
    config = TrainConfig(train_samples=1000, test_samples=500, batch_size=100, epochs=3)
    expected = estimate(config, [SPEED])
    assert expected.seconds_per_epoch == pytest.approx(1000 * 0.01 + 10 * 0.1 + 500 * 0.004)
    assert expected.total_seconds == pytest.approx(3 * 13)
    assert expected.images_per_s == pytest.approx(1000 / 11)
    assert expected.memory_bytes == 500 + 1_000 + 1500


def test_with_validation_images_the_test_set_is_evaluated_once():
    config = TrainConfig(train_samples=1000, test_samples=500, batch_size=100, epochs=3)
    by_epoch = estimate(config, [SPEED]).total_seconds
    once = estimate(replace(config, validation=100), [SPEED]).total_seconds
    assert by_epoch - once == pytest.approx((3 * 500 - 3 * 100 - 500) * 0.004)


def test_fit_uses_the_available_time():
    config = TrainConfig.from_recipe("quick")
    fitted = fit(config, QUICK, seconds=600)
    assert fitted.train_samples % 1024 == 0
    one_more = 1024 * (0.01 + 0.1 / config.batch_size) * config.epochs
    assert estimate(fitted, QUICK).total_seconds == pytest.approx(600, abs=one_more)


def test_fit_stays_within_the_data_set():
    config = TrainConfig.from_recipe("quick")
    assert fit(config, QUICK, seconds=1e9).train_samples == 60_000
    assert fit(config, QUICK, seconds=1).train_samples == 2_048


def test_each_width_of_a_growing_run_has_its_own_speed():
    config = TrainConfig(train_samples=1000, test_samples=500, batch_size=100, epochs=3)
    growing = replace(config, grow="0.5:0.5")
    narrow = replace(SPEED, width=0.5, seconds_per_image=0.001, test_seconds_per_image=0.0)
    expected = estimate(growing, [narrow, SPEED])
    per_step = {"narrow": 100 * 0.001 + 0.1, "whole": 100 * 0.01 + 0.1}
    tests = 2 * 500 * 0.004  # the first epoch ends narrow, where a test costs nothing here
    assert expected.total_seconds == pytest.approx(
        15 * per_step["narrow"] + 15 * per_step["whole"] + tests
    )


def test_disk_space_is_that_of_the_checkpoints():
    # Best weights and two training states with momentum, in 4 bytes a parameter
    config = TrainConfig(epochs=4, momentum=0.9, keep_epochs=0)
    assert estimate(config, [SPEED]).disk_bytes == 4 * 250 * (1 + 2 * 2)
    assert estimate(replace(config, momentum=0.0), [SPEED]).disk_bytes == 4 * 250 * (1 + 2)
    # The weights of two epochs in a byte a parameter, the first at half the width
    growing = replace(config, grow="0.5:0.5", keep_epochs=2)
    speeds = [replace(SPEED, width=0.5, parameters=70), SPEED]
    assert estimate(growing, speeds).disk_bytes == 4 * 250 * 5 + 70 + 250
