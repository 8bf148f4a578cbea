"""Metrics of predictions counted by hand, and their cache."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from alexnet_demo.inference import cache, predictions
from alexnet_demo.inference.predictions import Results, class_scores
from alexnet_demo.settings import article, paths

LABELS = np.array([0, 0, 1, 2, 2])


def probabilities(rows: list[tuple[int, float]]) -> np.ndarray:
    """A class and its probability for each image; the other classes share the rest evenly."""
    array = np.empty((len(rows), 10), np.float32)
    for row, (predicted, p) in zip(array, rows, strict=True):
        row[:] = (1 - p) / 9
        row[predicted] = p
    return array


@pytest.fixture
def small() -> Results:
    return Results(probabilities([(0, 0.9), (1, 0.6), (1, 0.5), (1, 0.8), (2, 0.3)]), LABELS)


def test_metrics_of_a_case_counted_by_hand(small: Results) -> None:
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


def test_images_are_listed_by_confidence(small: Results) -> None:
    assert small.mistakes().tolist() == [3, 1]
    assert small.barely_correct().tolist() == [4, 2, 0]
    assert small.cell(2, 1).tolist() == [3]
    assert small.cell(5, 5).tolist() == []


def test_the_largest_disagreements_come_first(small: Results) -> None:
    other = Results(probabilities([(0, 0.9), (0, 0.6), (1, 0.5), (2, 0.9), (2, 0.9)]), LABELS)
    assert small.disagreements(other).tolist() == [3, 1]
    assert small.disagreements(small).tolist() == []
    with pytest.raises(ValueError):
        small.disagreements(Results(other.probabilities, LABELS[::-1]))


def test_the_calibration_error_of_a_case_counted_by_hand() -> None:
    # Two predictions of 0.9, one of them correct; two of 0.6, both correct: gaps of 0.4 each.
    results = Results(
        probabilities([(0, 0.9), (0, 0.9), (1, 0.6), (1, 0.6)]), np.array([0, 1, 1, 1])
    )
    assert results.calibration_error() == pytest.approx(0.4)
    # In a single bin the gap is that of the means: 0.75 confidence, 0.75 correct.
    assert results.calibration_error(bins=1) == pytest.approx(0, abs=1e-6)
    assert Results(probabilities([(3, 1.0)]), np.array([3])).calibration_error() == 0


def test_calibration_agrees_with_a_sum_over_predictions() -> None:
    generator = np.random.default_rng(0)
    rows = generator.dirichlet(np.full(10, 0.2), 3_000).astype(np.float32)
    labels = generator.integers(0, 10, 3_000)
    results = Results(rows, labels)
    bins = results.calibration()
    assert sum(b.count for b in bins) == 3_000
    assert all(b.low < b.confidence <= b.high for b in bins if b.count)
    top, correct = rows.max(1).astype(float), rows.argmax(1) == labels
    bin_of = np.ceil(top * article.CALIBRATION_BINS)
    gaps = [abs(top[bin_of == b].mean() - correct[bin_of == b].mean()) for b in bin_of]
    assert results.calibration_error() == pytest.approx(float(np.mean(gaps)), abs=1e-6)


def test_calibrated_probabilities_have_no_calibration_error() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(50_000, 10)) + 2 * np.eye(10)[generator.integers(0, 10, 50_000)]
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (true.cumsum(1) > generator.random((50_000, 1))).argmax(1)
    overconfident = true**3 / (true**3).sum(1, keepdims=True)
    assert Results(true, labels).calibration_error() < 0.01
    assert Results(overconfident, labels).calibration_error() > 0.1


def test_abstaining_lowers_the_coverage(small: Results) -> None:
    coverage = small.coverage(np.array([0.0, 0.55, 0.85, 0.95]))
    assert coverage[0] == (1.0, 0.6)
    assert coverage[1] == (pytest.approx(0.6), pytest.approx(1 / 3))
    assert coverage[2] == (pytest.approx(0.2), 1.0)
    assert coverage[3] == (0.0, None)


def test_cached_results_are_loaded_again(
    small: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "RUNS_DIR", tmp_path)
    digest = "ab" * 32
    assert predictions.load(digest) is None
    cache.save(digest, asdict(small))
    loaded = predictions.load(digest)
    assert loaded is not None
    np.testing.assert_array_equal(loaded.probabilities, small.probabilities)
    np.testing.assert_array_equal(loaded.labels, small.labels)
    cache.path_of(digest).write_bytes(b"damaged")
    assert predictions.load(digest) is None
