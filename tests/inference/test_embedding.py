"""Embeddings against a full SVD, neighbors against all distances, t-SNE against cluster labels."""

from __future__ import annotations

import time
from dataclasses import asdict

import numpy as np
import pytest
import torch

from alexnet_demo.inference import cache, embedding
from alexnet_demo.settings import paths

DIGEST = "a" * 64


@pytest.fixture
def features() -> torch.Tensor:
    """300 points that vary along five directions, with some noise."""
    generator = torch.Generator().manual_seed(0)
    wide = torch.randn(300, 5, generator=generator) * torch.tensor([9.0, 6.0, 4.0, 3.0, 2.0])
    return wide @ torch.randn(5, 40, generator=generator) + 0.01 * torch.randn(300, 40)


def test_components_are_those_of_a_full_svd(features: torch.Tensor):
    fitted = embedding.fit(features, 3)
    centered = (features - features.mean(0)).double().numpy()
    _, spread, rows = np.linalg.svd(centered, full_matrices=False)
    np.testing.assert_allclose(fitted.variance, (spread**2 / (spread**2).sum())[:3], rtol=1e-3)
    np.testing.assert_allclose(np.abs((fitted.basis * rows[:3].T).sum(0)), 1, atol=1e-3)
    np.testing.assert_allclose(fitted.points, centered @ fitted.basis, atol=1e-3)
    assert {array.dtype for array in vars(fitted).values()} == {np.dtype(np.float32)}


def test_fitting_is_deterministic_and_fixes_the_signs(features: torch.Tensor):
    states = torch.get_rng_state(), np.random.get_state(legacy=False)
    first, second = embedding.fit(features), embedding.fit(features)
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_equal(np.random.get_state(legacy=False), states[1])
    np.testing.assert_array_equal(first.points, second.points)
    largest = np.abs(first.basis).argmax(0)
    assert (first.basis[largest, np.arange(first.basis.shape[1])] > 0).all()


def test_equal_features_have_no_variance():
    assert embedding.fit(torch.ones(50, 8)).variance.tolist() == [0.0] * 8


def test_projection_agrees_with_the_fit(features: torch.Tensor):
    fitted = embedding.fit(features, 4)
    np.testing.assert_allclose(fitted.project(features[7:9]), fitted.points[7:9], atol=1e-4)


def test_the_nearest_points_come_first_also_while_more_are_added():
    rng = np.random.default_rng(0)
    points, queries = (rng.normal(size=(n, 6)).astype(np.float32) for n in (500, 30))
    neighbors = embedding.NearestNeighbors(queries, 7)
    for end, added in zip((3, 200, 500), np.split(points, (3, 200)), strict=True):
        neighbors.add(added)
        every = np.linalg.norm(queries[:, None] - points[None, :end], axis=2)
        np.testing.assert_array_equal(neighbors.indices(), every.argsort(1)[:, :7])
    assert neighbors.indices().dtype == np.uint16


# ------------------------------------------------------------------ t-SNE


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    """400 points in 16 dimensions, in four clusters, and the cluster of each."""
    generator = np.random.default_rng(0)
    centers = generator.normal(size=(4, 16)) * 6
    labels = generator.integers(0, 4, 400)
    return (centers[labels] + generator.normal(size=(400, 16))).astype(np.float32), labels


def test_tsne_keeps_neighbors_together_and_is_deterministic(
    clusters: tuple[np.ndarray, np.ndarray],
):
    points, labels = clusters
    mapped = embedding.tsne(points, 300)
    assert mapped.shape == (400, 2) and mapped.dtype == np.float32
    distances = np.linalg.norm(mapped[:, None] - mapped[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(1)] == labels).all()
    np.testing.assert_array_equal(embedding.tsne(points, 300), mapped)


def test_tsne_runs_on_one_core_and_restores_the_limit(
    clusters: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
):
    from sklearn import manifold
    from threadpoolctl import threadpool_info

    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]

    class Recording(manifold.TSNE):
        def fit_transform(self, points):
            during.extend(threads())
            return super().fit_transform(points)

    during: list[int] = []
    monkeypatch.setattr(manifold, "TSNE", Recording)
    before = threads()
    embedding.tsne(clusters[0][:100], 250)
    assert during and set(during) == {1}
    assert threads() == before


def test_the_duration_of_tsne_is_measured_on_a_sample(monkeypatch: pytest.MonkeyPatch):
    calls = []

    def tsne(points: np.ndarray, iterations: int) -> None:
        calls.append((len(points), iterations))
        clock[0] += 0.5

    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(embedding, "tsne", tsne)
    seconds = embedding.tsne_seconds(np.zeros((10_000, 64), np.float32))
    assert calls == [(1_000, 250)]
    assert seconds == 0.5 * embedding.TSNE_FACTOR


# ------------------------------------------------------------------ cache


def test_cached_embeddings_and_points_are_loaded_again(features: torch.Tensor, runs_dir):
    fitted = embedding.fit(features, 4)
    assert embedding.load(DIGEST) is None
    cache.save(DIGEST, asdict(fitted), embedding.PART)
    loaded = embedding.load(DIGEST)
    assert loaded is not None
    for name, array in vars(fitted).items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
    assert embedding.load_tsne(DIGEST) is None and embedding.load_neighbors(DIGEST) is None
    cache.save(DIGEST, {"points": fitted.points}, embedding.TSNE_PART)
    cache.save(DIGEST, {"indices": fitted.points}, embedding.NEIGHBOR_PART)
    for load in (embedding.load_tsne, embedding.load_neighbors):
        np.testing.assert_array_equal(load(DIGEST), fitted.points)


def test_damaged_cache_files_count_as_missing(runs_dir):
    for part in (embedding.PART, embedding.TSNE_PART, embedding.NEIGHBOR_PART):
        path = cache.path_of(DIGEST, part)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not safetensors")
    assert embedding.load(DIGEST) is None
    assert embedding.load_tsne(DIGEST) is None and embedding.load_neighbors(DIGEST) is None


def test_what_comes_with_the_weights_is_loaded_for_these_weights_only(
    features: torch.Tensor, runs_dir, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path)
    fitted = embedding.fit(features, 4).head(2)
    assert fitted.points.shape == (300, 2) and fitted.basis.shape == (40, 2)
    parts = {"": {"x": np.zeros(3)}, embedding.PART: asdict(fitted)}
    cache.save_included(cache.included_path(), DIGEST, parts)
    loaded = embedding.load(DIGEST)
    assert loaded is not None
    np.testing.assert_array_equal(loaded.points, fitted.points)
    assert list(cache.load(DIGEST)) == ["x"]
    assert cache.load(DIGEST, embedding.TSNE_PART) == {} and cache.load("b" * 64) == {}
    # Weights of which only the beginning of the digest is the same.
    assert cache.load(DIGEST[:-1] + "b") == {}
    cache.included_path().write_bytes(b"not safetensors")
    assert cache.load(DIGEST) == {}


def test_the_least_recently_used_files_are_deleted(runs_dir, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cache, "MAX_FILES", 2)
    for digest in "abc":
        cache.save(digest * 64, {"x": np.zeros(1)})
    kept = {path.stem for path in cache.path_of(DIGEST).parent.iterdir()}
    assert kept == {"b" * 32, "c" * 32}
