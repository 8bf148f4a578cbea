"""What a network says of every test picture, kept as one record; tables and figures come from it.

Imports no torch, so that what was computed once is shown at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from alexnet_demo.common.files import write_atomically
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import CALIBRATION_BINS, CLASSES

KEPT = 60  # files of results; the largest hold 8 MB


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
    def guesses(self) -> np.ndarray:
        """The likeliest class of each picture, int64 (N,)."""
        return self.probabilities.argmax(1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the likeliest class, float32 (N,)."""
        return self.probabilities.max(1)

    @cached_property
    def hits(self) -> np.ndarray:
        """Whether each answer is right, bool (N,)."""
        return self.guesses == self.labels

    @property
    def accuracy(self) -> float:
        """The share of right answers."""
        return float(self.hits.mean())

    @cached_property
    def confusion(self) -> np.ndarray:
        """Counts, int64 (10, 10): rows are true classes, columns predicted ones."""
        return confusion(self.guesses, self.labels)

    def cell(self, true: int, guess: int) -> np.ndarray:
        """The pictures of a true class that were taken for another, the surest answer first."""
        return self._ranked((self.labels == true) & (self.guesses == guess))

    def mistakes(self) -> np.ndarray:
        """The pictures that were got wrong, the surest answer first."""
        return self._ranked(~self.hits)

    def narrow_hits(self) -> np.ndarray:
        """The pictures that were got right, the least sure answer first."""
        return self._ranked(self.hits)[::-1]

    def disputed(self, other: Results) -> np.ndarray:
        """The pictures that two networks answer differently, the widest apart first.

        How far apart is the total variation distance of their probabilities.

        Raises:
            ValueError: when the other's results are of other pictures.
        """
        if not np.array_equal(self.labels, other.labels):
            raise ValueError("The two results are of different pictures.")
        apart = np.abs(self.probabilities - other.probabilities).sum(1) / 2
        differ = np.flatnonzero(self.guesses != other.guesses)
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
                    float(self.hits[inside].mean()) if count else 0.0,
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

    def answered(self, levels: np.ndarray) -> list[tuple[float, float | None]]:
        """Were only answers of at least these probabilities given: (share given, accuracy)."""
        given = [self.confidence >= level for level in levels]
        return [(float(g.mean()), float(self.hits[g].mean()) if g.any() else None) for g in given]

    def _ranked(self, chosen: np.ndarray) -> np.ndarray:
        numbers = np.flatnonzero(chosen)
        return numbers[np.argsort(-self.confidence[numbers], kind="stable")]


def confusion(guesses: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """int64 (N,) twice → counts, int64 (10, 10): rows are true classes, columns predicted ones."""
    count = len(CLASSES)
    return np.bincount(labels * count + guesses, minlength=count**2).reshape(count, count)


def by_class(counts: np.ndarray) -> list[ClassScore]:
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


# ------------------------------------------------------------------ kept on disk


def kept_at(digest: str) -> Path:
    """Where the results of the weights file with that SHA-256 are kept."""
    return paths.RUNS_DIR / ".results" / f"{digest[:32]}.safetensors"


def keep(digest: str, found: Results) -> None:
    """Write results, whole or not at all.

    Raises:
        OSError: when the disk does not take them.
    """
    write(kept_at(digest), {"probabilities": found.probabilities, "labels": found.labels})


def write(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write arrays, whole or not at all, and forget files beside them that were not used lately.

    Every epoch's weights are another network, so that files would pile up. `KEPT` stay.

    Raises:
        OSError: when the disk does not take them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # What is not contiguous would be written as it lies in memory.
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    write_atomically(path, lambda temporary: save_file(whole, temporary))
    with suppress(OSError):  # another server may forget the same ones
        files = [(path.stat().st_mtime, path) for path in path.parent.glob("*.safetensors")]
        for _, path in sorted(files)[:-KEPT]:
            path.unlink(missing_ok=True)


def read(digest: str) -> Results | None:
    """Results that were kept; None where there are none that can be read."""
    path = kept_at(digest)
    try:
        tensors = load_file(path)
        probabilities, labels = tensors["probabilities"], tensors["labels"]
    except (OSError, SafetensorError, KeyError):
        return None
    if probabilities.shape != (len(labels), len(CLASSES)) or not len(labels):
        return None
    with suppress(OSError):
        path.touch()  # used now, so not among the first to be forgotten
    return Results(probabilities, labels)
