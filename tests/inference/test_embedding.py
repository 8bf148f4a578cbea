"""Places in fc7's space: against a full decomposition, and neighbours against all distances."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alexnet_demo.inference import embedding


@pytest.fixture
def features() -> torch.Tensor:
    """300 points that differ along few directions, with some noise."""
    chance = torch.Generator().manual_seed(0)
    wide = torch.randn(300, 5, generator=chance) * torch.tensor([9.0, 6.0, 4.0, 3.0, 2.0])
    return wide @ torch.randn(5, 40, generator=chance) + 0.01 * torch.randn(300, 40)


def test_the_directions_are_the_principal_ones(features: torch.Tensor):
    found = embedding.fit(features, 3)
    centred = (features - features.mean(0)).double().numpy()
    _, spread, rows = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.variance, (spread**2 / (spread**2).sum())[:3], rtol=1e-3)
    overlap = np.abs((found.basis * rows[:3].T).sum(0))
    np.testing.assert_allclose(overlap, 1, atol=1e-3)
    np.testing.assert_allclose(found.points, centred @ found.basis, atol=1e-3)


def test_the_same_features_give_the_same_atlas(features: torch.Tensor):
    state = torch.get_rng_state()
    first, second = embedding.fit(features), embedding.fit(features)
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(first.points, second.points)
    greatest = np.abs(first.basis).argmax(0)
    assert (first.basis[greatest, np.arange(first.basis.shape[1])] > 0).all()


def test_pictures_are_placed_as_those_it_was_made_of(features: torch.Tensor):
    found = embedding.fit(features, 4)
    np.testing.assert_allclose(found.place(features[7:9]), found.points[7:9], atol=1e-4)


def test_the_nearest_come_first():
    points = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float16)
    place = points[42].astype(np.float32) + 0.001
    numbers, away = embedding.nearest(points, place, 7)
    every = np.linalg.norm(points.astype(np.float32) - place, axis=1)
    np.testing.assert_array_equal(numbers, every.argsort()[:7])
    assert numbers[0] == 42
    assert (np.diff(away) >= 0).all()
    assert len(embedding.nearest(points[:3], place, 7)[0]) == 3


def test_what_is_kept_is_read_again(features: torch.Tensor, runs_dir):
    found = embedding.fit(features, 4)
    assert embedding.read("a" * 64) is None
    embedding.keep("a" * 64, found)
    again = embedding.read("a" * 64)
    assert again is not None
    for name in ("points", "mean", "basis", "variance"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    embedding.keep_training("a" * 64, found.points)
    places = embedding.read_training("a" * 64)
    assert places is not None
    np.testing.assert_allclose(places, found.points, rtol=1e-3, atol=1e-3)
    assert embedding.read_map("a" * 64) is None
    embedding.keep_map("a" * 64, found.points[:, :2])
    drawn = embedding.read_map("a" * 64)
    assert drawn is not None
    np.testing.assert_array_equal(drawn, found.points[:, :2])


def test_damaged_files_count_as_none(runs_dir):
    for what in ("atlas", "training", "map"):
        path = embedding.kept_at("b" * 64, what)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no such format")
    assert embedding.read("b" * 64) is None
    assert embedding.read_training("b" * 64) is None
    assert embedding.read_map("b" * 64) is None
