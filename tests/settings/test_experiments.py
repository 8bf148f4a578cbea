"""Experiments: records that differ in what they name, and verdicts as a function of numbers."""

from __future__ import annotations

import itertools

import pytest

from alexnet_demo.settings.config import SETTINGS, TrainConfig, differing
from alexnet_demo.settings.experiments import (
    CHANCE,
    EXPERIMENTS,
    UNDECIDED,
    Experiment,
    Final,
    verdict,
)

ALL = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
NAMES = {
    *("activation", "dropout", "augmentation", "learning-rate"),
    *("initialization", "width", "batch-size", "data"),
}


def finals(
    experiment: Experiment, accuracies: list[list[float]], train: float = 0.99, images: int = 1000
) -> list[Final]:
    """Final numbers from test accuracies by variant and seed."""
    return [
        Final(label, train, accuracy, False, images)
        for label, values in zip(experiment.variants, accuracies, strict=True)
        for accuracy in values
    ]


def winning(experiment: Experiment, winner: str) -> list[Final]:
    """Three seeds in which this variant is ahead by accuracy, and so by the gap."""
    values = [[0.80, 0.81, 0.82] if v == winner else [0.6, 0.61, 0.62] for v in experiment.variants]
    return finals(experiment, values)


def test_the_articles_claims_are_among_the_experiments() -> None:
    assert set(EXPERIMENTS) >= NAMES


@ALL
def test_runs_differ_in_exactly_what_is_named(experiment: Experiment) -> None:
    configs = experiment.configs(seed=7)
    assert 2 <= len(configs) <= 3
    assert tuple(sorted(differing([*configs.values()]))) == tuple(sorted(experiment.differing))
    assert all(set(change) == set(experiment.differing) for change in experiment.variants.values())
    assert {config.seed for config in configs.values()} == {7}
    for one, other in itertools.combinations(configs.values(), 2):
        assert one != other
    assert all(TrainConfig.from_json(config.to_json()) == config for config in configs.values())


@ALL
def test_every_outcome_can_be_predicted_and_has_a_meaning(experiment: Experiment) -> None:
    outcomes = {*experiment.variants, UNDECIDED}
    assert set(experiment.options) == set(experiment.meaning) == outcomes
    assert experiment.expected in outcomes
    assert experiment.score in ("accuracy", "gap")
    assert set(experiment.settings) <= set(SETTINGS)
    assert all([experiment.title, experiment.question, experiment.look])


@ALL
def test_all_runs_together_take_under_two_minutes_on_two_cores(experiment: Experiment) -> None:
    assert experiment.seconds < 100


@ALL
def test_the_verdict_names_whichever_variant_is_ahead(experiment: Experiment) -> None:
    for winner in experiment.variants:
        result = verdict(experiment, winning(experiment, winner))
        assert result.outcome == winner
        assert result.as_expected == (winner == experiment.expected)
        assert result.sentences == (experiment.meaning[winner],)
        assert set(result.figures) == set(experiment.variants)


@ALL
def test_a_difference_within_the_spread_is_undecided(experiment: Experiment) -> None:
    count = len(experiment.variants)
    overlapping = [[0.70 + 0.05 * i, 0.80 + 0.05 * i] for i in range(count)]
    close = [[0.700 + 0.001 * i] for i in range(count)]
    for values in (overlapping, close):
        result = verdict(experiment, finals(experiment, values))
        assert result.outcome == UNDECIDED
        assert result.as_expected == (experiment.expected == UNDECIDED)
        assert result.sentences == (experiment.meaning[UNDECIDED],)


@ALL
def test_runs_that_diverge_or_learn_nothing_win_nothing(experiment: Experiment) -> None:
    first, *others = experiment.variants
    lost = [Final(label, 0.0, 0.0, True, 1000) for label in others]
    won = verdict(experiment, [Final(first, 0.9, 0.8, False, 1000), *lost])
    assert won.outcome == first and len(won.sentences) == 2
    assert all(label in won.sentences[1] for label in others)
    chance = [[CHANCE]] * len(experiment.variants)
    nothing = verdict(experiment, finals(experiment, chance, train=CHANCE))
    assert nothing.outcome == UNDECIDED
    assert all(label in nothing.sentences[-1] for label in experiment.variants)


def test_two_of_three_that_are_level_and_one_behind() -> None:
    experiment = EXPERIMENTS["activation"]
    result = verdict(experiment, finals(experiment, [[0.80], [0.79], [0.5]]))
    assert result.outcome == UNDECIDED
    assert all(label in result.sentences[0] for label in experiment.variants)
    assert result.sentences[1:] == (experiment.meaning[UNDECIDED],)


def test_a_smaller_gap_wins_with_a_lower_accuracy() -> None:
    experiment = EXPERIMENTS["dropout"]
    numbers = [
        Final("No dropout", 0.99, 0.75, False, 1000),
        Final("Dropout 0.5", 0.75, 0.72, False, 1000),
    ]
    assert verdict(experiment, numbers).outcome == "Dropout 0.5"


def test_a_seed_that_diverged_does_not_count_as_a_small_gap() -> None:
    experiment = EXPERIMENTS["dropout"]
    gaps = {"No dropout": (0.19, 0.19, 0.19), "Dropout 0.5": (None, 0.175, 0.175)}
    numbers = [
        Final(label, 0.9, 0.9 - (gap or 0), gap is None, 1000)
        for label, values in gaps.items()
        for gap in values
    ]
    assert verdict(experiment, numbers).outcome != "Dropout 0.5"


@pytest.mark.parametrize(("images", "clear"), [(200, False), (10_000, True)])
def test_a_clear_lead_depends_on_the_number_of_test_images(images: int, clear: bool) -> None:
    experiment = EXPERIMENTS["initialization"]
    result = verdict(experiment, finals(experiment, [[0.70], [0.74]], images=images))
    assert result.outcome == ("He" if clear else UNDECIDED)


def test_figures_give_the_range_over_the_seeds_and_what_diverged() -> None:
    experiment = EXPERIMENTS["learning-rate"]
    numbers = [
        *finals(experiment, [[0.5, 0.6], [0.7, 0.7], [0.1, 0.1]])[:4],
        *[Final("1", 0.0, 0.0, True, 1000)] * 2,
    ]
    figures = verdict(experiment, numbers).figures
    assert [text in figures["0.001"] for text in ("55.0%", "50.0%", "60.0%")] == [True] * 3
    assert figures["0.1"] == "70.0%"
    assert "%" not in figures["1"]
