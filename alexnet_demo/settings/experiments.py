"""Experiments: two or three short runs that differ in one thing, and what their results say.

The texts and settings are in ``experiments.json``. A prediction is made before the runs, and a pure
function turns the runs' final numbers into a verdict, also where these contradict what is expected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean
from typing import Any

from alexnet_demo.common.text import percent
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import SETTINGS, TrainConfig

CHANCE = 1 / len(CLASSES)
UNDECIDED = "none"
"""The outcome where no variant is clearly ahead."""
STANDARD_ERRORS = 2.0
"""Lead from which a difference between two accuracies is not chance, in standard errors."""
CRITERION = (
    "Accuracy on test images; of several seeds the mean, and in parentheses the range. One is "
    "clearly ahead if its worst seed beats the others' best, and the means differ by at least "
    f"{STANDARD_ERRORS:g} standard errors."
)
ONE_SEED = "One seed, one draw of weights and order: try another before you rely on it."
_SECONDS_PER_IMAGE = 0.0168
"""A training step's time per image and width, to which it is about proportional in these narrow
networks: 0.9 ms at 1/16, 1.8 ms at 1/8, 4.2 ms at 1/4, on two cores of an AMD EPYC in float32."""
_TEST_SHARE = 0.3  # of that: a forward pass
_START_SECONDS = 6.0  # to load PyTorch and the data


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        name: in addresses, commands, and file names.
        title: for people, such as ``Learning rate``.
        question: asked before the runs.
        settings: what all its runs have in common, where it differs from `TrainConfig`.
        variants: label → the settings in which this run differs from the others.
        score: what decides: ``accuracy`` on test images, or the ``gap`` between training and test
            accuracy, of which the smaller one is better.
        options: outcome → its wording as an option to predict. The outcomes are the variants'
            labels, each for being clearly ahead, and `UNDECIDED`.
        expected: the outcome that most people expect.
        look: what to watch in the curves.
        meaning: outcome → what it means.
    """

    name: str
    title: str
    question: str
    settings: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, Any]]
    score: str
    options: Mapping[str, str]
    expected: str
    look: str
    meaning: Mapping[str, str]

    def configs(self, seed: int = 0) -> dict[str, TrainConfig]:
        """The settings of each variant's run."""
        return {
            label: TrainConfig(**{**self.settings, **changes, "seed": seed})
            for label, changes in self.variants.items()
        }

    @property
    def differing(self) -> tuple[str, ...]:
        """The settings in which the runs differ."""
        return tuple(dict.fromkeys(name for change in self.variants.values() for name in change))

    @property
    def seconds(self) -> float:
        """Expected duration of all runs, one after the other, on two idle cores."""
        return sum(map(expected_seconds, self.configs().values()))


def expected_seconds(config: TrainConfig) -> float:
    """Expected duration of an experiment's run on two idle cores."""
    images = config.train_images + _TEST_SHARE * config.eval_images
    return _START_SECONDS + config.epochs * images * config.width * _SECONDS_PER_IMAGE


def _read() -> dict[str, Experiment]:
    record = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return {
        name: Experiment(name, **{**about, "settings": record["common"] | about["settings"]})
        for name, about in record["experiments"].items()
    }


EXPERIMENTS: dict[str, Experiment] = _read()


# ------------------------------------------------------------------ the verdict


@dataclass(frozen=True)
class Final:
    """A run's numbers after its last epoch; accuracies from 0 to 1.

    Attributes:
        diverged: the loss became NaN or infinite, so that the network is no better than chance.
        test_images: how many the test accuracy is of.
    """

    variant: str
    train_accuracy: float
    test_accuracy: float
    diverged: bool
    test_images: int


@dataclass(frozen=True)
class Verdict:
    """What the runs of an experiment say.

    Attributes:
        outcome: the label of the variant that is clearly ahead, or `UNDECIDED`.
        as_expected: whether that is what most people expect.
        figures: label → its final numbers in words.
        sentences: what the outcome means.
    """

    outcome: str
    as_expected: bool
    figures: Mapping[str, str]
    sentences: tuple[str, ...]


def verdict(experiment: Experiment, finals: Sequence[Final]) -> Verdict:
    """The verdict on an experiment from runs of all of its variants, each with the same seeds.

    A variant is clearly ahead of another if even its worst seed is ahead of the other's best, and
    if their means differ by `STANDARD_ERRORS` of the difference between two accuracies on that many
    test images. That is cautious, since all runs are evaluated on the same images.
    """
    groups = {label: [f for f in finals if f.variant == label] for label in experiment.variants}
    stuck = [label for label, group in groups.items() if _at_chance(group)]
    # A network that has learned nothing has no gap, either, and has not won anything.
    able = {label: group for label, group in groups.items() if label not in stuck}
    scores = {
        label: [_score(experiment, f) for f in group]
        for label, group in sorted(
            able.items(), key=lambda item: -mean(_score(experiment, f) for f in item[1])
        )
    }
    first = next(iter(scores), UNDECIDED)
    margin = STANDARD_ERRORS * _standard_error([f for group in able.values() for f in group])
    level = [label for label in scores if not _is_ahead(scores[first], scores[label], margin)]
    outcome = first if level == [first] else UNDECIDED
    behind = [label for label in groups if label not in level]
    sentences = [experiment.meaning[outcome]]
    if outcome == UNDECIDED and level and behind:
        sentences.insert(0, f"Too close to call: {_list(level)}. Clearly behind: {_list(behind)}.")
    if stuck:
        sentences.append(
            f"No better than guessing one of ten classes ({percent(CHANCE, 0)}): {_list(stuck)}."
        )
    figures = {label: _figures(experiment, group) for label, group in groups.items()}
    return Verdict(outcome, outcome == experiment.expected, figures, tuple(sentences))


def _accuracy(final: Final) -> float:
    return CHANCE if final.diverged else final.test_accuracy


def _gap(final: Final) -> float:
    return 0.0 if final.diverged else final.train_accuracy - final.test_accuracy


def _score(experiment: Experiment, final: Final) -> float:
    """Higher is better; a run that diverged has no gap, but not because it generalizes."""
    if experiment.score == "accuracy":
        return _accuracy(final)
    return -1.0 if final.diverged else -_gap(final)


def _at_chance(group: Sequence[Final]) -> bool:
    """Whether the mean accuracy is within two standard errors of guessing."""
    if not group:
        return False
    images = min(final.test_images for final in group)
    return mean(map(_accuracy, group)) <= CHANCE + 2 * sqrt(CHANCE * (1 - CHANCE) / images)


def _standard_error(group: Sequence[Final]) -> float:
    """Of the difference between two test accuracies of this size; 0 without runs."""
    if not group:
        return 0.0
    p = mean(map(_accuracy, group))
    return sqrt(2 * p * (1 - p) / min(final.test_images for final in group))


def _is_ahead(scores: Sequence[float], others: Sequence[float], margin: float) -> bool:
    return min(scores) > max(others) and mean(scores) - mean(others) >= margin


def _figures(experiment: Experiment, group: Sequence[Final]) -> str:
    """Such as ``78.3% (77.0% to 79.1%)`` of several seeds, with the gap where that decides."""
    if all(final.diverged for final in group):
        return "diverged"
    text = _range([_accuracy(final) for final in group], percent)
    if experiment.score == "gap":
        training = percent(mean(final.train_accuracy for final in group))
        gap = _range([_gap(final) for final in group], _points)
        text = f"gap {gap} points; {training} training, {text} test accuracy"
    diverged = sum(final.diverged for final in group)
    return f"{text}; {diverged} of {len(group)} diverged" if diverged else text


def _range(values: Sequence[float], write: Callable[[float], str]) -> str:
    middle, low, high = write(mean(values)), write(min(values)), write(max(values))
    return middle if low == high else f"{middle} ({low} to {high})"


def _points(share: float) -> str:
    return f"{100 * share:.1f}".replace("-", "−")


def _list(labels: Sequence[str]) -> str:
    *most, last = labels
    return f"{', '.join(most)} and {last}" if most else last


def differences(experiment: Experiment) -> str:
    """What differs between the runs, such as ``Dropout``."""
    return _list([SETTINGS[name].label for name in experiment.differing])
