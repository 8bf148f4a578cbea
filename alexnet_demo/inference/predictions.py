"""What a network says of every test picture, kept as one record; tables and figures come from it.

Imports no torch, so that what was computed once is shown at once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from alexnet_demo.inference import cache
from alexnet_demo.settings.article import CALIBRATION_BINS, CLASSES


@dataclass(frozen=True)
class Bin:
    """The answers whose top probability lies in (low, high].

    Attributes:
        count: how many they are; `confidence` and `accuracy` are 0 where there are none.
        confidence: their mean top probability.
        accuracy: the share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class ClassScore:
    """How well one class is known, shares from 0 to 1; None where nothing can be divided."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    samples: int


@dataclass(frozen=True)
class Results:
    """Answers for N test pictures, in the test set's order.

    Attributes:
        probabilities: float32 (N, 10), rows summing to 1.
        labels: int64 (N,), the truth.
    """

    probabilities: np.ndarray
    labels: np.ndarray

    @cached_property
    def predicted(self) -> np.ndarray:
        """The likeliest class of each picture, int64 (N,)."""
        return self.probabilities.argmax(1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the likeliest class, float32 (N,)."""
        return self.probabilities.max(1)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether each answer is right, bool (N,)."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(self.correct.mean())

    @cached_property
    def confusion(self) -> np.ndarray:
        """Counts, int64 (10, 10): rows are true classes, columns predicted ones."""
        return confusion(self.predicted, self.labels)

    def cell(self, true: int, guess: int) -> np.ndarray:
        """The pictures of a true class that were taken for another, the surest answer first."""
        return self._ranked((self.labels == true) & (self.predicted == guess))

    def mistakes(self) -> np.ndarray:
        """The pictures that were got wrong, the surest answer first."""
        return self._ranked(~self.correct)

    def barely_correct(self) -> np.ndarray:
        """The pictures that were got right, the least sure answer first."""
        return self._ranked(self.correct)[::-1]

    def disagreements(self, other: Results) -> np.ndarray:
        """The pictures that two networks answer differently, the widest apart first.

        How far apart is the total variation distance of their probabilities.

        Raises:
            ValueError: when the other's results are of other pictures.
        """
        if not np.array_equal(self.labels, other.labels):
            raise ValueError("The two results are of different pictures.")
        apart = np.abs(self.probabilities - other.probabilities).sum(1) / 2
        differ = np.flatnonzero(self.predicted != other.predicted)
        return differ[np.argsort(-apart[differ], kind="stable")]

    def calibration(self, bins: int = CALIBRATION_BINS) -> list[Bin]:
        """Top probability against accuracy, in bins of equal width (Guo et al. 2017)."""
        place = np.clip(np.ceil(self.confidence.astype(np.float64) * bins).astype(int), 1, bins)
        found = []
        for number in range(1, bins + 1):
            inside = place == number
            count = int(inside.sum())
            found.append(
                Bin(
                    (number - 1) / bins,
                    number / bins,
                    count,
                    float(self.confidence[inside].mean(dtype=np.float64)) if count else 0.0,
                    float(self.correct[inside].mean()) if count else 0.0,
                )
            )
        return found

    def calibration_error(self, bins: int = CALIBRATION_BINS) -> float:
        """Expected calibration error, 0 to 1: how far confidence is from the share of hits.

        The differences between mean top probability and accuracy of the bins are averaged, weighted
        by their answers (Guo et al. 2017, equation 3).
        """
        gaps = [b.count * abs(b.confidence - b.accuracy) for b in self.calibration(bins)]
        return sum(gaps) / len(self.labels)

    def coverage(self, levels: np.ndarray) -> list[tuple[float, float | None]]:
        """Were only answers of at least these probabilities given: (share given, accuracy)."""
        given = [self.confidence >= level for level in levels]
        return [
            (float(g.mean()), float(self.correct[g].mean()) if g.any() else None) for g in given
        ]

    def _ranked(self, chosen: np.ndarray) -> np.ndarray:
        numbers = np.flatnonzero(chosen)
        return numbers[np.argsort(-self.confidence[numbers], kind="stable")]


def confusion(guesses: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """int64 (N,) twice → counts, int64 (10, 10): rows are true classes, columns predicted ones."""
    count = len(CLASSES)
    return np.bincount(labels * count + guesses, minlength=count**2).reshape(count, count)


def class_scores(counts: np.ndarray) -> list[ClassScore]:
    """A confusion matrix → a line for each class."""
    scores = []
    for i, name in enumerate(CLASSES):
        hits, guessed, true = int(counts[i, i]), int(counts[:, i].sum()), int(counts[i].sum())
        scores.append(
            ClassScore(
                name,
                share(hits, guessed),
                share(hits, true),
                share(2 * hits, guessed + true),
                true,
            )
        )
    return scores


def share(part: int, whole: int) -> float | None:
    """part / whole; None where nothing can be divided."""
    return part / whole if whole else None


# ------------------------------------------------------------------ cached on disk


def save(digest: str, results: Results) -> None:
    """Cache results; raises OSError, see `cache.save`."""
    cache.save(cache.path_of(digest), asdict(results))


def load(digest: str) -> Results | None:
    """The cached results of the weights file with this SHA-256; None when missing or damaged."""
    try:
        results = Results(**cache.load(cache.path_of(digest)))
    except TypeError:  # other arrays, or none
        return None
    shape = (len(results.labels), len(CLASSES))
    return results if len(results.labels) and results.probabilities.shape == shape else None
