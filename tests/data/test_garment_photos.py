"""Line drawings colored in as photos: cut out, full size, cloth where it is enclosed."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.data.batch_random import SHOES, Label
from alexnet_demo.data.garment_photos import CANVAS, color_in, garment_photos
from alexnet_demo.data.line_art import LineArt

LABELS = [label for label in Label if label not in SHOES]


@pytest.mark.parametrize("label", LABELS)
def test_photos_are_cloth_on_black_and_fill_the_frame(label: Label):
    photos = garment_photos(label, 40, np.random.default_rng(2))
    assert photos.shape == (40, 28, 28)
    assert photos.dtype == np.uint8
    cloth = photos > 40
    spans = np.maximum((photos > 9).any(1).sum(1), (photos > 9).any(2).sum(1))
    assert (spans >= 26).all()
    shares = cloth.mean((1, 2))
    assert np.quantile(shares, 0.1) > 0.15
    assert (shares < 0.99).all()
    # Mostly smooth: cloth, not lines.
    inside = photos[cloth]
    assert inside.mean() > 90
    assert len({image.tobytes() for image in photos}) == 40


@pytest.mark.parametrize("label", [Label.BAG, Label.COAT])
def test_a_seed_repeats_the_photos(label: Label):
    once, again, other = (
        garment_photos(label, 3, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_the_background_shows_through_most_handles_of_bags_and_no_hood():
    def is_open(seed: int, is_bag: bool) -> bool:
        art = LineArt(np.random.default_rng(seed))
        art.polygon((-1, 0), (1, 0), (1, 1), (-1, 1))
        art.line((-1, 0), (-1, -1), (1, -1), (1, 0))
        image = color_in(art, is_bag)
        assert image[3 * CANVAS // 4, CANVAS // 2] > 50
        return image[CANVAS // 4, CANVAS // 2] == 0

    assert 12 < sum(is_open(seed, True) for seed in range(20)) < 20
    assert not any(is_open(seed, False) for seed in range(20))
