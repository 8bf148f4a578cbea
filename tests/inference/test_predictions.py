"""Results: counted by hand, against the evaluation's figures, and kept on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet_demo.inference import cache, predictions
from alexnet_demo.inference.confidence import calibration_error
from alexnet_demo.inference.predictions import Results, class_scores
from alexnet_demo.settings import article, paths

LABELS = np.array([0, 0, 1, 2, 2])


def answers(rows: list[tuple[int, float]]) -> np.ndarray:
    """A likeliest class and its probability for each picture; the rest is shared by the others."""
    found = np.empty((len(rows), 10), np.float32)
    for row, (guess, p) in zip(found, rows, strict=True):
        row[:] = (1 - p) / 9
        row[guess] = p
    return found


@pytest.fixture
def small() -> Results:
    return Results(answers([(0, 0.9), (1, 0.6), (1, 0.5), (1, 0.8), (2, 0.3)]), LABELS)


def test_figures_of_a_case_counted_by_hand(small: Results) -> None:
    assert small.accuracy == 0.6
    assert small.confusion[0, :3].tolist() == [1, 1, 0]
    assert small.confusion[2, :3].tolist() == [0, 1, 1]
    assert small.confusion.sum() == 5
    first, second, third, *_, last = class_scores(small.confusion)
    assert (first.precision, first.recall, first.samples) == (1.0, 0.5, 2)
    assert second.precision == pytest.approx(1 / 3)
    assert second.f1 == pytest.approx(0.5)
    assert third.f1 == pytest.approx(2 / 3)
    assert (last.precision, last.recall, last.f1, last.samples) == (None, None, None, 0)


def test_pictures_come_in_the_order_asked_for(small: Results) -> None:
    assert small.mistakes().tolist() == [3, 1]
    assert small.barely_correct().tolist() == [4, 2, 0]
    assert small.cell(2, 1).tolist() == [3]
    assert small.cell(5, 5).tolist() == []


def test_disputed_pictures_are_those_two_networks_answer_differently(small: Results) -> None:
    other = Results(answers([(0, 0.9), (0, 0.6), (1, 0.5), (2, 0.9), (2, 0.9)]), LABELS)
    assert small.disagreements(other).tolist() == [3, 1]
    assert small.disagreements(small).tolist() == []
    with pytest.raises(ValueError, match="different pictures"):
        small.disagreements(Results(other.probabilities, LABELS[::-1]))


def test_calibration_is_that_of_the_evaluation() -> None:
    dice = np.random.default_rng(0)
    probabilities = dice.dirichlet(np.full(10, 0.2), 3_000).astype(np.float32)
    labels = dice.integers(0, 10, 3_000)
    found = Results(probabilities, labels)
    bins = found.calibration()
    assert sum(b.count for b in bins) == 3_000
    assert all(b.low < b.confidence <= b.high for b in bins if b.count)
    # Answer by answer: what its bin's confidence and share of hits differ by, averaged.
    top, hits = probabilities.max(1).astype(float), probabilities.argmax(1) == labels
    place = np.ceil(top * article.CALIBRATION_BINS)
    gaps = [abs(top[place == p].mean() - hits[place == p].mean()) for p in place]
    expected = float(np.mean(gaps))
    assert found.calibration_error() == pytest.approx(expected, abs=1e-6)
    same = calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels))
    assert same == found.calibration_error()


def test_heeding_confidence_answers_fewer(small: Results) -> None:
    given = small.coverage(np.array([0.0, 0.55, 0.85, 0.95]))
    assert given[0] == (1.0, 0.6)
    assert given[1] == (pytest.approx(0.6), pytest.approx(1 / 3))
    assert given[2] == (pytest.approx(0.2), 1.0)
    assert given[3] == (0.0, None)


def test_what_was_kept_is_read_again(
    small: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "RUNS_DIR", tmp_path)
    digest = "ab" * 32
    assert predictions.load(digest) is None
    predictions.save(digest, small)
    again = predictions.load(digest)
    assert again is not None
    np.testing.assert_array_equal(again.probabilities, small.probabilities)
    np.testing.assert_array_equal(again.labels, small.labels)
    cache.path_of(digest).write_bytes(b"damaged")
    assert predictions.load(digest) is None
