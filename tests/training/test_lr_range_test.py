"""The range test: rising rates, an early end where the loss diverges, and a rate that learns."""

from __future__ import annotations

import pytest

from alexnet_demo.training.lr_range_test import HIGHEST, LOWEST, Trial, range_test, suggest_lr
from tests.support.runs import tiny_config


def trials(losses: list[float]) -> list[Trial]:
    """Ten trials a decade, from 1e-4 on."""
    return [Trial(10 ** (-4 + 0.1 * i), loss, loss) for i, loss in enumerate(losses)]


def test_rates_rise_by_a_factor_and_the_loss_is_real():
    results = list(range_test(tiny_config(train_samples=512, momentum=0.0), steps=12))
    rates = [trial.lr for trial in results]
    assert rates[0] == LOWEST
    assert rates == sorted(rates)
    assert results[0].loss == pytest.approx(2.3, abs=0.1)
    if len(results) == 12:
        assert rates[-1] == pytest.approx(HIGHEST)


def test_it_suggests_where_the_loss_falls_fastest():
    losses = [2.3] * 20 + [2.2, 2.0, 1.7, 1.3, 1.0, 0.9] + [0.9] * 14
    assert suggest_lr(trials(losses)) == pytest.approx(0.02)  # 10^-1.8 = 0.016


@pytest.mark.parametrize("losses", [[2.3 - 0.01 * (i % 3) for i in range(40)], [2.3]])
def test_noise_and_too_few_trials_give_no_suggestion(losses: list[float]):
    with pytest.raises(ValueError, match="no learning rate can be suggested"):
        suggest_lr(trials(losses))
