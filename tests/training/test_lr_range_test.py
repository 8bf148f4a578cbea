"""The range test: rates that rise, an end where the loss explodes, a rate that learns."""

from __future__ import annotations

import pytest

from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.lr_range_test import HIGHEST, LOWEST, Trial, range_test, suggest_lr

TINY = TrainConfig.from_recipe(
    "quick",
    width=0.0625,
    device="cpu",
    precision="fp32",
    memory_format="channels_last",
    train_samples=512,
    batch_size=16,
    init="default",
)


def test_rates_rise_by_a_factor_and_the_loss_is_real():
    trials = list(range_test(TINY, steps=12))
    rates = [trial.lr for trial in trials]
    assert rates[0] == LOWEST
    assert rates == sorted(rates)
    assert trials[0].loss == pytest.approx(2.3, abs=0.1)
    if len(trials) == 12:
        assert rates[-1] == pytest.approx(HIGHEST)


def test_it_suggests_where_the_loss_falls_fastest():
    rates = [10 ** (-4 + 0.1 * i) for i in range(40)]
    losses = [2.3] * 20 + [2.2, 2.0, 1.7, 1.3, 1.0, 0.9] + [0.9] * 14
    trials = [Trial(lr, loss, loss) for lr, loss in zip(rates, losses, strict=True)]
    assert suggest_lr(trials) == pytest.approx(0.02)  # 10^-1.8 = 0.016


def test_noise_is_not_taken_for_learning():
    trials = [Trial(10 ** (-4 + 0.1 * i), 2.3, 2.3 - 0.01 * (i % 3)) for i in range(40)]
    with pytest.raises(ValueError, match="hardly fell in 40 steps"):
        suggest_lr(trials)


def test_too_few_trials_are_said_to_be_too_few():
    with pytest.raises(ValueError, match="no learning rate can be suggested"):
        suggest_lr([Trial(0.1, 2.3, 2.3)])
