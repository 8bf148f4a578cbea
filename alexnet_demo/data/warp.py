"""Random warps of whole batches: rotation, stretching, perspective, wobble, raised sleeves.

A `RandomWarp` maps coordinates in the new image to coordinates in the old one, with random
parameters for each image. It can be evaluated twice: coarsely, to find where the garment ends up,
and finely, on a grid that frames it there. So a garment is resampled only once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from alexnet_demo.data.batch_random import BatchRandom, expand_nchw

WAVES = 5  # cells of the wobble's field, a side
OUTSIDE = 5.0  # a coordinate outside of every image
EMPTY = 1e-3  # half a side below which a frame would show nothing
SHOULDER = -0.7  # y of the shoulder
CROTCH = -0.3  # y of the crotch


@dataclass(frozen=True)
class WarpRanges:
    """How far a `RandomWarp` may go.

    Attributes:
        turn: greatest rotation, degrees.
        stretch: standard deviation of the logarithm of width to height.
        shear: greatest shift of the top relative to the bottom, in half sides.
        spread: greatest slope by which trouser legs are apart.
        tilt: greatest perspective: how much nearer one edge may be than the center.
        wobble: size of the smooth random displacement, in half sides.
        sleeves: greatest angle by which sleeves are raised, degrees; tops only.
        shortened: greatest share by which raised sleeves are shortened.
    """

    turn: float = 10.0
    stretch: float = 0.15
    shear: float = 0.15
    tilt: float = 0.15
    spread: float = 0.3
    wobble: float = 0.02
    sleeves: float = 60.0
    shortened: float = 0.0


class RandomWarp:
    """Random warps of N images.

    Args:
        ranges: how far to go.
        random: for N images, on their device.
        turns: degrees (N,), added to the random rotation.
        sleeved: bool (N,), images whose sleeves may be raised.
        legged: bool (N,), images whose legs may be spread.
        taller: (N,), added to the random logarithm of height to width.
    """

    def __init__(
        self,
        ranges: WarpRanges,
        random: BatchRandom,
        turns: Tensor | float = 0.0,
        sleeved: Tensor | bool = False,
        legged: Tensor | bool = False,
        taller: Tensor | float = 0.0,
    ) -> None:
        uniform = random.uniform
        angle = uniform(-1, 1) * math.radians(ranges.turn) + turns * (math.pi / 180)
        aspect = (random.normal() * ranges.stretch + taller).exp().sqrt()
        shear = uniform(-1, 1) * ranges.shear
        cos, sin = angle.cos(), angle.sin()
        # Old point = stretch · shear · rotation · new point; half of them are mirrored.
        mirror = torch.where(uniform() < 0.5, -1.0, 1.0)
        first = torch.stack([(cos + shear * sin) * aspect, (shear * cos - sin) * aspect], 1)
        second = torch.stack([sin / aspect, cos / aspect], 1)
        self.matrix = torch.stack([first * mirror[:, None], second], 1)  # (N, 2, 2)
        self.tilt = uniform(-1, 1, 2) * ranges.tilt
        # A coarse random field, interpolated smoothly: its cells must not show as kinks.
        field = random.normal(2, WAVES, WAVES) * (ranges.wobble * (0.3 + uniform(0, 1, 1, 1, 1)))
        self.field = interpolate(field, scale_factor=6, mode="bicubic", align_corners=False)
        self.trunk = 0.4 + 0.15 * uniform()
        self.spread = uniform() * ranges.spread * legged
        self.knee = 0.2 + 1.1 * uniform()
        raised = uniform() * math.radians(ranges.sleeves)
        self.raised = raised * random.chance(0.7) * sleeved
        self.length = 1 - uniform() * ranges.shortened

    def __call__(self, grid: Tensor) -> Tensor:
        """Points of the new images (N, H, W, 2), x then y in [−1, 1] → points of the old ones."""
        grid = grid / (1 + grid @ self.tilt[:, None, :, None])
        grid = grid + sample(self.field, grid).permute(0, 2, 3, 1)
        grid = grid @ self.matrix[:, None].transpose(-1, -2)
        return self._sleeves_down(self._legs_together(grid))

    def _sleeves_down(self, grid: Tensor) -> Tensor:
        """From raised sleeves back to hanging ones; the gap that opens under the arm is outside."""
        x, y = grid.unbind(-1)
        trunk, angle = self.trunk[:, None, None], self.raised[:, None, None]
        across, down = x.abs() - trunk, y - SHOULDER
        sleeve_x = across * angle.cos() - down * angle.sin()
        sleeve_y = (across * angle.sin() + down * angle.cos()) / self.length[:, None, None]
        sleeve = torch.stack([(sleeve_x + trunk) * x.sign(), sleeve_y + SHOULDER], -1)
        moved = torch.where((sleeve_x > 0)[..., None], sleeve, OUTSIDE)
        moved = torch.where((across < 0.02)[..., None], grid, moved)
        return torch.where(angle[..., None] > 0.05, moved, grid)

    def _legs_together(self, grid: Tensor) -> Tensor:
        """From legs apart back to legs side by side; the gap between them is outside.

        It widens from the crotch down to the knee.
        """
        x, y = grid.unbind(-1)
        down = (y - CROTCH) / self.knee[:, None, None]
        gap = self.spread[:, None, None] * down.clamp(0, 1)
        old = x.abs() - gap
        moved = torch.where(old < 0, OUTSIDE, x.sign() * old)
        return torch.stack([torch.where(gap > 0, moved, x), y], -1)


def pixel_grid(side: int, device: torch.device) -> Tensor:
    """The centers of a square image's pixels (side, side, 2), x then y in [−1, 1]."""
    line = (torch.arange(side, device=device) * 2 + 1) / side - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)


def sample(images: Tensor, grid: Tensor) -> Tensor:
    """Values of float images (N, C, h, w) at points (N, H, W, 2), bilinear, 0 outside."""
    return grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def framing_grid(masks: Tensor, warp: RandomWarp, side: int, fill: Tensor) -> Tensor:
    """Where to sample so that the warped garment is centered in the new image and fills it.

    Args:
        masks: float (N, 1, h, w), 1 on the garment.
        warp: of N images.
        side: of the new image, pixels.
        fill: share (N,) of the new image's side that the garment's longest side takes.

    Returns:
        Points of the old images (N, side, side, 2).
    """
    coarse = 1.6 * pixel_grid(32, masks.device)  # a warp may lead out of the old frame
    covered = sample(masks, warp(coarse.expand(len(masks), -1, -1, -1)))[:, 0] > 0.5
    hit = torch.stack([covered.any(1), covered.any(2)], 1)  # columns and rows: (N, 2, 32)
    line, empty = coarse[0, :, 0], ~hit.any(2)
    low = torch.where(hit, line, 9.0).amin(2).masked_fill(empty, -1)
    high = torch.where(hit, line, -9.0).amax(2).masked_fill(empty, 1)
    center, half = (low + high) / 2, ((high - low) / 2).amax(1) + 1.6 / 32
    scale = expand_nchw(half.clamp(min=EMPTY) / fill)
    return warp(center[:, None, None] + scale * pixel_grid(side, masks.device))
