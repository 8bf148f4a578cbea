"""Strokes: as wide as the pen, and each garment's seams where they belong."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from alexnet_demo.data.batch_random import BatchRandom, Label
from alexnet_demo.data.pen_strokes import (
    MOST_LINES,
    SEAM_DRAWS,
    STROKE_DRAWS,
    box_blur,
    edge_values,
    garment_seams,
    gradient_magnitude,
    stray_strokes,
    zero_crossings,
)
from alexnet_demo.data.warp import pixel_grid
from alexnet_demo.images.redraw import CANVAS, PEN, SKETCH_SIDE
from tests.support.seeding import generator


def ink_of(values: Tensor, pen: float) -> Tensor:
    reach = torch.tensor(pen / 2 + 0.5)
    return zero_crossings(values, gradient_magnitude(values), reach)


def test_strokes_are_as_wide_as_the_pen():
    """Area of the ink over the length of its middle line, on the outline of a disk."""
    side, radius, pen = SKETCH_SIDE, 20, SKETCH_SIDE * PEN / CANVAS
    across = torch.arange(side) - side / 2 + 0.5
    distance = (across[:, None].square() + across.square()).sqrt() - radius
    ink = ink_of(distance[None, None], pen)
    assert float(ink.sum()) / (2 * math.pi * radius) == pytest.approx(pen, rel=0.1)


def test_blur_is_an_average_and_the_gradient_a_difference():
    x = torch.rand(3, 1, 12, 12, generator=generator())
    expected = x
    for _ in range(2):
        expected = avg_pool2d(pad(expected, [1] * 4, mode="replicate"), 3, stride=1)
    inner = (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(box_blur(x, 1)[inner], expected[inner])
    torch.testing.assert_close(box_blur(torch.ones(1, 1, 9, 9), 2), torch.ones(1, 1, 9, 9))
    ramp = torch.arange(12.0).expand(1, 1, 12, 12) * 3
    torch.testing.assert_close(gradient_magnitude(ramp)[..., 1:-1], torch.full((1, 1, 12, 10), 6.0))


def test_edges_are_where_gray_levels_change():
    step = (torch.arange(20) >= 10).float().expand(1, 1, 20, 20)
    values = edge_values(box_blur(step, 2), 3)
    crossing = values[..., :-1] * values[..., 1:] < 0
    assert crossing[..., 9].all()
    assert not crossing[..., :8].any()
    assert not crossing[..., 11:].any()


def seams_of(label: int, count: int = 200) -> Tensor:
    """The seams of many garments of a class that fill the frame, upright: (N, side, side)."""
    grid = pixel_grid(SKETCH_SIDE, torch.device("cpu")).expand(count, -1, -1, -1)
    labels, bottom = torch.full((count,), label), torch.full((count, 1, 1, 1), 1.95)
    soles, pairs = torch.ones(count, 1, 1, 1).bool(), torch.zeros(count, 1, 1, 1).bool()
    random = BatchRandom(SEAM_DRAWS, labels, generator())
    values, inside = garment_seams(grid, bottom, labels, soles, pairs, random)
    assert values.shape == inside.shape == (count, MOST_LINES, SKETCH_SIDE, SKETCH_SIDE)
    ink = ink_of(values, 2.0) * inside
    assert 0 <= ink.min() <= ink.max() <= 1
    return ink.amax(1)


def test_coats_open_in_front_and_pullovers_do_not():
    middle = slice(SKETCH_SIDE // 2 - 3, SKETCH_SIDE // 2 + 3)
    below = slice(int(0.55 * SKETCH_SIDE), int(0.8 * SKETCH_SIDE))  # under any collar
    fronts = [
        (seams_of(label)[:, below, middle].amax(2) > 0.5).float().mean(1) > 0.9
        for label in (Label.COAT, Label.PULLOVER)
    ]
    assert float(fronts[0].float().mean()) == pytest.approx(0.9, abs=0.07)
    assert not fronts[1].any()


@pytest.mark.parametrize(
    ("label", "low", "high"), [(Label.PULLOVER, 0.8, 1), (Label.TROUSER, 0, 0.25)]
)
def test_a_hem_lies_below_and_a_waistband_above(label: int, low: float, high: float):
    rows = (seams_of(label) > 0.5).float().mean(2) > 0.9
    across = rows.any(1)
    assert 0.2 < across.float().mean() < 0.7
    where = rows.nonzero()[:, 1] / SKETCH_SIDE
    assert low <= where.min() <= where.max() <= high


def test_some_bags_have_no_seams():
    bare = (seams_of(Label.BAG) == 0).flatten(1).all(1)
    assert 0.2 < bare.float().mean() < 0.8


def test_a_stray_stroke_is_one_straight_line():
    random = BatchRandom(STROKE_DRAWS, torch.zeros(50).long(), generator())
    values, inside = stray_strokes(SKETCH_SIDE, random)
    ink = (ink_of(values, 3.0) * inside)[:, 0] > 0.5
    for stroke in ink:
        y, x = stroke.nonzero().float().T
        spread = torch.linalg.eigvalsh(torch.cov(torch.stack([x, y])))
        assert spread[0] < 3.0**2  # no thicker than the pen, in any direction
