"""A model's predictions for a labeled dataset, and the metrics that follow from them.

Imports no torch, so that cached predictions are on the page at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alexnet_demo.inference import cache
from alexnet_demo.settings.article import CALIBRATION_BINS, CLASSES


@dataclass(frozen=True)
class Bin:
    """The predictions whose confidence is in (low, high].

    Attributes:
        count: number of predictions; with none, `confidence` and `accuracy` are 0.
        confidence: their mean confidence.
        accuracy: the share of them that is correct.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class ClassScore:
    """The metrics of one class, from 0 to 1; None where the denominator is 0."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    samples: int


@dataclass(frozen=True)
class Results:
    """Predictions for N labeled images, in the dataset's order.

    Attributes:
        probabilities: float32 (N, 10), rows summing to 1.
        labels: int64 (N,), the true classes.
    """

    probabilities: np.ndarray
    labels: np.ndarray

    def head(self, count: int) -> Results:
        """The predictions for the first ``count`` images."""
        return Results(self.probabilities[:count], self.labels[:count])

    @cached_property
    def predicted(self) -> np.ndarray:
        """The most probable class of each image, int64 (N,)."""
        return self.probabilities.argmax(1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the most probable class, float32 (N,)."""
        return self.probabilities.max(1)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether each prediction is correct, bool (N,)."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> float:
        """The share of correct predictions."""
        return float(self.correct.mean())

    @cached_property
    def confusion(self) -> np.ndarray:
        """Counts, int64 (10, 10): rows are true classes, columns predicted ones."""
        count = len(CLASSES)
        cells = np.bincount(self.labels * count + self.predicted, minlength=count**2)
        return cells.reshape(count, count)

    def cell(self, true: int, predicted: int) -> np.ndarray:
        """Indices of the images in a cell of the confusion matrix, most confident first."""
        return self._by_confidence((self.labels == true) & (self.predicted == predicted))

    def mistakes(self) -> np.ndarray:
        """Indices of the misclassified images, most confident first."""
        return self._by_confidence(~self.correct)

    def barely_correct(self) -> np.ndarray:
        """Indices of the correctly classified images, least confident first."""
        return self._by_confidence(self.correct)[::-1]

    def disagreements(self, other: Results) -> np.ndarray:
        """Indices of the images that two models classify differently, largest disagreement first.

        Measured by the total variation distance of their probabilities.

        Raises:
            ValueError: when the labels differ.
        """
        if not np.array_equal(self.labels, other.labels):
            raise ValueError("The two results are for different images.")
        distance = np.abs(self.probabilities - other.probabilities).sum(1) / 2
        differ = np.flatnonzero(self.predicted != other.predicted)
        return differ[np.argsort(-distance[differ], kind="stable")]

    def calibration(self, bins: int = CALIBRATION_BINS) -> list[Bin]:
        """Confidence against accuracy, in bins of equal width (Guo et al. 2017)."""
        exact = self.confidence.astype(np.float64)
        bin_of = np.clip(np.ceil(exact * bins).astype(int), 1, bins) - 1
        counts, confidences, hits = (
            np.bincount(bin_of, weights, bins) for weights in (None, exact, self.correct)
        )
        filled = np.maximum(counts, 1)
        columns = (counts, confidences / filled, hits / filled)
        return [
            Bin(i / bins, (i + 1) / bins, *row)
            for i, row in enumerate(zip(*(column.tolist() for column in columns), strict=True))
        ]

    def calibration_error(self, bins: int = CALIBRATION_BINS) -> float:
        """Expected calibration error, 0 to 1 (Guo et al. 2017, equation 3).

        The mean difference between confidence and accuracy in the bins, weighted by their counts.
        """
        gaps = [b.count * abs(b.confidence - b.accuracy) for b in self.calibration(bins)]
        return sum(gaps) / len(self.labels)

    def coverage(self, thresholds: np.ndarray) -> list[tuple[float, float | None]]:
        """When the model abstains below each confidence: (share of images left, accuracy)."""
        left = [self.confidence >= threshold for threshold in thresholds]
        return [
            (float(mask.mean()), float(self.correct[mask].mean()) if mask.any() else None)
            for mask in left
        ]

    def _by_confidence(self, mask: np.ndarray) -> np.ndarray:
        indices = np.flatnonzero(mask)
        return indices[np.argsort(-self.confidence[indices], kind="stable")]


def class_scores(confusion: np.ndarray) -> list[ClassScore]:
    """A confusion matrix, see `Results.confusion` → the metrics of each class."""
    columns = (confusion.diagonal(), confusion.sum(0), confusion.sum(1))
    return [
        ClassScore(
            name,
            share(correct, predicted),
            share(correct, true),
            share(2 * correct, predicted + true),
            true,
        )
        for name, correct, predicted, true in zip(
            CLASSES, *(column.tolist() for column in columns), strict=True
        )
    ]


def share(part: int, whole: int) -> float | None:
    """part / whole; None when the whole is 0."""
    return part / whole if whole else None


def load(digest: str) -> Results | None:
    """The cached fields of `Results` of a weights file; None when missing or damaged."""
    try:
        results = Results(**cache.load(digest))
    except TypeError:  # other arrays, or none
        return None
    shape = (len(results.labels), len(CLASSES))
    return results if len(results.labels) and results.probabilities.shape == shape else None
