"""Drawings and photos of garments: still the garment, at the size and in the tones asked for."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import avg_pool2d, pad

from alexnet_demo.config import CLASSES
from alexnet_demo.data import Split, load_split
from alexnet_demo.dice import Dice
from alexnet_demo.linework import CANVAS, PEN, SHADE, SKETCH_SIDE
from alexnet_demo.strokes import blur, line, slopes
from alexnet_demo.synthetic import as_drawings, as_photos, silhouettes


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def garments() -> Split:
    """Twenty of each class, class by class."""
    data = load_split(train=True).head(2_000)
    chosen = torch.cat([(data.labels == c).nonzero()[:20, 0] for c in range(10)])
    return Split(data.images[chosen], data.labels[chosen])


@pytest.mark.parametrize("side", [28, SKETCH_SIDE, 112])
def test_a_drawing_is_light_lines_on_black(garments: Split, side: int):
    drawn = as_drawings(garments.images, garments.labels, generator(), side)
    assert drawn.shape == (200, side, side)
    assert drawn.dtype == torch.uint8
    assert (drawn == 0).flatten(1).float().mean(1).median() > 0.3
    assert (drawn.flatten(1).amax(1) > 100).all()
    shaded = (drawn == SHADE).flatten(1).float().mean(1) > 0.05
    assert 50 < shaded.sum() < 150  # about as many drawings are closed as open


def test_a_drawing_fills_its_frame_as_preparation_has_it(garments: Split):
    drawn = as_drawings(garments.images, garments.labels, generator()) > 60
    spans = torch.stack([drawn.any(axis).float().sum(1) for axis in (1, 2)]).amax(0)
    assert spans.median() > 0.85 * SKETCH_SIDE


def test_the_pen_is_as_wide_as_asked_for():
    """Ink over the length of its middle line, on the outline of a disc."""
    side, radius, pen = SKETCH_SIDE, 20, SKETCH_SIDE * PEN / CANVAS
    across = torch.arange(side) - side / 2 + 0.5
    away = (across[:, None].square() + across.square()).sqrt() - radius
    ink = line(away[None, None], torch.full((1, 1, 1, 1), pen))
    assert float(ink.sum()) / (2 * math.pi * radius) == pytest.approx(pen, rel=0.1)


def test_photos_are_cut_out_or_on_a_ground(garments: Split):
    seen = as_photos(garments.images, garments.labels, generator())
    assert seen.shape == (200, 28, 28)
    assert seen.dtype == torch.uint8
    corners = seen[:, [0, 0, -1, -1], [0, -1, 0, -1]].float().mean(1)
    assert 80 < (corners < 5).sum() < 180
    assert (corners > 40).sum() > 20


@pytest.mark.parametrize("make", [as_drawings, as_photos])
def test_the_same_generator_makes_the_same_pictures(garments: Split, make):
    once, again, other = (
        make(garments.images, garments.labels, generator(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize("make", [as_drawings, as_photos])
def test_an_empty_or_a_full_picture_does_no_harm(make):
    images = torch.stack([torch.zeros(28, 28), torch.full((28, 28), 255.0)]).to(torch.uint8)
    for label in range(len(CLASSES)):
        assert len(make(images, torch.full((2,), label), generator(label))) == 2


def test_silhouettes_close_holes_but_not_between_trouser_legs():
    picture = torch.zeros(2, 1, 28, 28)
    picture[:, :, 4:24, 6:22] = 0.8
    picture[:, :, 10:24, 14] = 0.0
    labels = torch.tensor([CLASSES.index("Coat"), CLASSES.index("Trouser")])
    coat, trouser = silhouettes(picture, labels)[:, 0]
    assert coat[15, 14] == 1
    assert trouser[15, 14] == 0


def test_blur_is_an_average_and_slopes_are_a_gradient():
    x = torch.rand(3, 1, 12, 12, generator=generator())
    expected = x
    for _ in range(2):
        expected = avg_pool2d(pad(expected, [1] * 4, mode="replicate"), 3, stride=1)
    torch.testing.assert_close(blur(x, 1), expected)
    ramp = torch.arange(12.0).expand(1, 1, 12, 12) * 3
    torch.testing.assert_close(slopes(ramp)[..., 1:-1], torch.full((1, 1, 12, 10), 3.0))


def test_dice_fall_for_each_picture_alone():
    dice = Dice(1000, generator())
    drawn = dice.uniform(2, 4)
    assert 2 <= drawn.min() < 2.1 < 3.9 < drawn.max() < 4
    assert float(dice.chance(0.25).float().mean()) == pytest.approx(0.25, abs=0.05)
    clouds = dice.clouds(5, 20)
    assert clouds.shape == (1000, 1, 20, 20)
    assert float(clouds.std()) == pytest.approx(1, abs=0.15)
