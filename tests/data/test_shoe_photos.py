"""Photos of shoes from any side: cut out on black, repeatable, and telling the labels apart."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.data.batch_random import SHOES, Label
from alexnet_demo.data.shoe_models import shoe
from alexnet_demo.data.shoe_parts import ALONG, Last, Part
from alexnet_demo.data.shoe_photos import photograph, pose, poses, shoe_photos


@pytest.mark.parametrize("label", SHOES)
def test_a_photo_shows_shoes_on_black_that_fill_the_frame(label: Label):
    photos = shoe_photos(label, 40, np.random.default_rng(0))
    assert photos.shape == (40, 28, 28)
    assert photos.dtype == np.uint8
    rows, columns = (photos > 0).any(2).sum(1), (photos > 0).any(1).sum(1)
    assert np.maximum(rows, columns).min() >= 24  # faint edges vanish when sharpened
    covered = (photos > 0).mean((1, 2))
    assert 0.3 < np.median(covered) < 0.8
    assert photos.mean((1, 2)).std() > 10


@pytest.mark.parametrize("label", SHOES)
def test_the_same_seed_gives_the_same_photos_all_different(label: Label):
    once, again, other = (shoe_photos(label, 8, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert len(np.unique(once, axis=0)) == 8


def test_a_boot_is_taller_than_sneakers_and_sandals_without_heels():
    def median_height(label: Label) -> float:
        heights = []
        for seed in range(40):
            points = [p.points.reshape(-1, 3) for p in shoe(label, np.random.default_rng(seed))]
            heights.append(np.concatenate(points)[:, 2].max())
        return float(np.median(heights))

    heights = {label: median_height(label) for label in SHOES}
    assert heights[Label.ANKLE_BOOT] > 1.4 * heights[Label.SNEAKER]
    assert heights[Label.ANKLE_BOOT] > 1.4 * heights[Label.SANDAL]


def test_slices_end_where_they_are_too_narrow():
    last = Last(np.random.default_rng(0), heel=0)
    slabs = last.slabs(np.zeros(1), np.ones(1), np.where(ALONG > 0.5, 0.0, 1.0)[None])
    assert slabs.shape == (1, 2, 2 * len(ALONG), 3)
    assert slabs[..., 1].max() <= 0.5
    np.testing.assert_array_equal(np.unique(slabs[..., 2]), [0, 1])


def test_a_pose_shows_the_tip_where_its_angles_say():
    tip, up = np.array([0, 1, 0]), np.array([0, 0, 1])

    def seen(azimuth: float, elevation: float, roll: float = 0) -> np.ndarray:
        return pose(azimuth, elevation, roll, (0, 0), 1).matrix

    np.testing.assert_allclose(seen(0, 90) @ tip, [0, -1, 0], atol=1e-9)  # up in the photo
    np.testing.assert_allclose(seen(0, 90) @ up, [0, 0, 1], atol=1e-9)  # toward the camera
    np.testing.assert_allclose(seen(90, 90) @ tip, [-1, 0, 0], atol=1e-9)  # to the left
    np.testing.assert_allclose(seen(90, 0) @ up, [0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(seen(180, 0) @ tip, [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(seen(0, 90, roll=90) @ tip, [-1, 0, 0], atol=1e-9)


def test_half_of_the_photos_show_pairs_beside_each_other():
    drawn = [poses(Label.SNEAKER, np.random.default_rng(seed)) for seed in range(200)]
    pairs = [places for places in drawn if len(places) == 2]
    assert 80 < len(pairs) < 120
    apart = [np.hypot(*(far.offset - near.offset)) for far, near in pairs]
    assert 0.3 < np.median(apart) < 0.7


def test_parts_that_face_away_are_hidden():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    hidden = Part(square, 1.0, (0, 0, -1))
    above = [pose(0, 90, 0, (0, 0), 1)]
    rng = np.random.default_rng(0)
    base = photograph([Part(square, 0.2)], above, rng)
    assert np.array_equal(photograph([Part(square, 0.2), hidden], above, rng), base)
    shown = hidden._replace(facing=(0, 0, 1))
    assert photograph([Part(square, 0.2), shown], above, rng).mean() > base.mean() + 50
