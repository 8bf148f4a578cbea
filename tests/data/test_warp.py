"""Warps: none changes nothing, sleeves rise, legs part, and the frame fits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alexnet_demo.data.batch_random import BatchRandom
from alexnet_demo.data.warp import (
    RandomWarp,
    WarpRanges,
    framing_grid,
    pixel_grid,
    sample,
    warp_draws,
)
from tests.support.seeding import generator

STILL = {"turn": 0, "stretch": 0, "shear": 0, "tilt": 0, "wobble": 0}
GRID = pixel_grid(28, torch.device("cpu")).expand(64, -1, -1, -1)


def warp_of(ranges: WarpRanges, count: int = 64) -> RandomWarp:
    kinds = torch.zeros(count, dtype=torch.long)
    return RandomWarp(BatchRandom(warp_draws([ranges]), kinds, generator(), kinds=1))


def bar(low: float, high: float) -> Tensor:
    """64 upright bars between these x in [−1, 1], float (64, 1, 28, 28)."""
    x = GRID[:, :1]
    return ((x > low) & (x < high)).float()


def test_without_a_warp_points_stay_or_are_mirrored():
    there = warp_of(WarpRanges(**STILL))(GRID)
    mirrored = there[:, 0, 0, 0] > 0  # the left edge
    assert 15 < mirrored.sum() < 50
    torch.testing.assert_close(there[~mirrored], GRID[~mirrored])
    torch.testing.assert_close(
        there[mirrored] * torch.tensor([-1.0, 1.0])[:, None, None], GRID[mirrored]
    )


def test_some_are_turned_in_any_direction():
    warp = warp_of(WarpRanges(**{**STILL, "any_turn": 90, "turned": 0.5}))
    point = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    turned = warp(point)[:, :, 0, 0]
    torch.testing.assert_close(turned.norm(dim=1), torch.ones(64))
    angles = (turned[:, 1] / turned[:, 0]).atan().rad2deg().abs()
    assert 20 < (angles > 1).sum() < 44
    assert angles.max() > 70


def test_raised_sleeves_leave_a_gap_below_the_arm():
    warp = warp_of(WarpRanges(**{**STILL, "sleeves": 80}))
    warped = sample(bar(-0.9, 0.9), warp(GRID))[:, 0]
    below = warped[:, -4:, 2:4].mean((1, 2))  # where the hanging sleeve was
    assert (warp.raised > 0.6).sum() > 10
    assert (below[warp.raised > 0.6] < 0.2).all()
    assert (below[warp.raised == 0] > 0.8).all()
    assert (warped[:, :, 13:15].mean((1, 2)) > 0.95).all()  # the trunk stays


def test_legs_part_in_the_middle_and_only_below():
    warp = warp_of(WarpRanges(**{**STILL, "spread": 0.4}))
    warped = sample(bar(-0.5, 0.5), warp(GRID))[:, 0]
    assert (warped[warp.spread.flatten() > 0.2][:, -1, 13:15] < 0.5).all()
    assert (warped[:, 2, 13:15] > 0.9).all()


@pytest.mark.parametrize("fill", [0.6, 1.0])
def test_the_frame_fits_the_warped_garment(fill: float):
    body = torch.zeros(64, 1, 28, 28)
    body[:, :, 3:12, 15:25] = 1
    warp = warp_of(WarpRanges())
    visible = (
        sample(body, framing_grid(body, warp, 56, torch.full((64, 1, 1, 1), fill)))[:, 0] > 0.5
    )
    spans = torch.stack([visible.any(axis).float().sum(1) for axis in (1, 2)]).amax(0) / 56
    assert float(spans.mean()) == pytest.approx(fill, rel=0.15)
    assert (visible.flatten(1).sum(1) > 50).all()


def test_an_empty_image_gets_a_frame():
    where = framing_grid(
        torch.zeros(4, 1, 28, 28), warp_of(WarpRanges(), 4), 20, torch.ones(4, 1, 1, 1)
    )
    assert torch.isfinite(where).all()


def test_raised_sleeves_may_be_shortened():
    """The bar's far end, which hung at the hem, comes nearer to the shoulder."""
    spans = []
    for shortened in (0.0, 0.6):
        ranges = WarpRanges(**{**STILL, "sleeves": 80, "shortened": shortened})
        warp = warp_of(ranges)
        visible = sample(bar(-0.9, 0.9), warp(3 * GRID))[:, 0] > 0.5
        spans.append(visible.any(1).float().sum(1)[warp.raised > 0.6])
    assert (spans[1] <= spans[0]).all()
    assert spans[1].mean() < 0.9 * spans[0].mean()


def test_an_image_can_be_made_taller():
    warp = warp_of(WarpRanges(**STILL, taller=0.8))
    square = (GRID.abs() < 0.5).all(1)[:, None].float()
    visible = sample(square, warp(GRID))[:, 0] > 0.5
    high, wide = (visible.any(axis).float().sum(1) for axis in (2, 1))
    ratio = (high / wide).log()
    assert -0.1 < ratio.min() < 0.2 < 0.6 < ratio.max() < 0.9


def test_a_warp_of_some_images_is_theirs():
    kinds, rows = torch.arange(64) % 2, slice(1, None, 3)
    draws = warp_draws([WarpRanges(), WarpRanges(sleeves=60, spread=0.3)])
    whole, part = (
        RandomWarp(BatchRandom(draws, kinds, generator(), kinds=2), r) for r in (slice(None), rows)
    )
    assert torch.equal(part(GRID[rows]), whole(GRID)[rows])
