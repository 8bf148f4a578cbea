"""The map by t-SNE: neighbours stay neighbours, the same each time, in about the time foretold."""

from __future__ import annotations

import time

import numpy as np
import pytest

from alexnet_demo.inference import tsne


@pytest.fixture(scope="module")
def clumps() -> tuple[np.ndarray, np.ndarray]:
    """400 points in 16 dimensions, in four clumps, and the clump of each."""
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(4, 16)) * 6
    which = chance.integers(0, 4, 400)
    return (centres[which] + chance.normal(size=(400, 16))).astype(np.float32), which


def test_neighbours_stay_neighbours_and_the_map_is_the_same_each_time(
    clumps: tuple[np.ndarray, np.ndarray],
):
    points, which = clumps
    found = tsne.embed(points, 300)
    assert found.shape == (400, 2)
    assert found.dtype == np.float32
    away = np.linalg.norm(found[:, None] - found[None], axis=2)
    np.fill_diagonal(away, np.inf)
    assert (which[away.argmin(1)] == which).all()
    np.testing.assert_array_equal(tsne.embed(points, 300), found)


def test_it_takes_one_core_and_gives_the_others_back(
    clumps: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
):
    from threadpoolctl import threadpool_info

    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]

    class Watched(tsne.TSNE):
        def fit_transform(self, points):
            seen.extend(threads())
            return super().fit_transform(points)

    seen: list[int] = []
    monkeypatch.setattr(tsne, "TSNE", Watched)
    before = threads()
    tsne.embed(clumps[0][:100], 250)
    assert seen and set(seen) == {1}
    assert threads() == before


def test_the_time_is_measured_on_a_sample(monkeypatch: pytest.MonkeyPatch):
    asked = []

    def embed(points: np.ndarray, iterations: int) -> None:
        asked.append((len(points), iterations))
        time.sleep(0.05)

    monkeypatch.setattr(tsne, "embed", embed)
    expected = tsne.expected_seconds(np.zeros((10_000, 64), np.float32))
    assert asked == [(1_000, 250)]
    assert 0.05 * tsne.TIMES_AS_LONG <= expected < 0.3 * tsne.TIMES_AS_LONG
