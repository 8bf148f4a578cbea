"""Random warps of whole batches: rotation, stretching, perspective, wobble, raised sleeves.

A `RandomWarp` maps coordinates in the new image to coordinates in the old one, with random
parameters for each image. It can be evaluated twice: coarsely, to find where the garment ends up,
and finely, on a grid that frames it there. So a garment is resampled only once.

Coordinates are planes (N, 2, H, W): x, then y, each in [−1, 1] inside an image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from alexnet_demo.data.batch_random import BatchRandom, Chances, Draws, Range, Ranges, constant

WAVES = 5  # cells of the wobble's field, a side
OUTSIDE = 5.0  # a coordinate outside of every image
EMPTY = 1e-3  # half a side below which a frame would show nothing
SHOULDER = -0.7  # y of the shoulder
CROTCH = -0.3  # y of the crotch
TRUNK_EDGE = 0.02  # what is at most that far outside of the trunk stays when a sleeve is raised
COARSE, REACH = 32, 1.6  # pixels and half side of the area where a warped garment is looked for


@dataclass(frozen=True)
class WarpRanges:
    """How far a `RandomWarp` may go.

    Attributes:
        turn: greatest rotation, degrees.
        any_turn: greatest further rotation of the share ``turned`` of the images, degrees.
        turned: see ``any_turn``.
        stretch: standard deviation of the logarithm of width to height.
        taller: greatest addition to the logarithm of height to width.
        shear: greatest shift of the top relative to the bottom, in half sides.
        spread: greatest slope by which trouser legs are apart.
        tilt: greatest perspective: how much nearer one edge may be than the center.
        wobble: size of the smooth random displacement, in half sides.
        sleeves: greatest angle by which sleeves are raised, degrees.
        shortened: greatest share by which raised sleeves are shortened.
    """

    turn: float = 10.0
    any_turn: float = 0.0
    turned: float = 0.0
    stretch: float = 0.15
    taller: float = 0.0
    shear: float = 0.15
    spread: float = 0.0
    tilt: float = 0.15
    wobble: float = 0.02
    sleeves: float = 0.0
    shortened: float = 0.0


def warp_draws(kinds: Sequence[WarpRanges]) -> Draws:
    """The random numbers of a `RandomWarp` of images of several kinds."""

    def both_ways(name: str, unit: float = 1.0) -> dict[int, Range]:
        limits = [getattr(ranges, name) * unit for ranges in kinds]
        return {kind: (-limit, limit) for kind, limit in enumerate(limits)}

    def between(name: str, low: float, high: float) -> dict[int, Range]:
        values = [getattr(ranges, name) for ranges in kinds]
        return {kind: (low * value, high * value) for kind, value in enumerate(values)}

    degree = math.radians(1)
    uniforms: Ranges = {
        "turn": both_ways("turn", degree),
        "any turn": both_ways("any_turn", degree),
        "shear": both_ways("shear"),
        "tilt x": both_ways("tilt"),
        "tilt y": both_ways("tilt"),
        "mirror": (-1.0, 1.0),  # half of them, by its sign
        "spread": between("spread", 0, 1),
        "raised": between("sleeves", 0, degree),
        "shortened": between("shortened", 0, 1),
        "taller": between("taller", 0, 0.5),  # half of the logarithm is its square root's
        "stretch": between("stretch", 0.5, 0.5),
        "wobble": between("wobble", 0.3, 1.3),
        "trunk": (0.4, 0.55),
        "knee": (0.2, 1.3),
    }
    chances: Chances = {
        "turned": {kind: ranges.turned for kind, ranges in enumerate(kinds)},
        "sleeves": 0.7,
    }
    return Draws(uniforms, chances, normals=1 + 2 * WAVES**2)


class RandomWarp:
    """Random warps of N images.

    Args:
        random: `warp_draws` for all images of a batch.
        rows: the N images. What depends on sines is computed for the whole batch, since a
            processor may round them differently in another number of images.
    """

    def __init__(self, random: BatchRandom, rows: slice = slice(None)) -> None:
        one = constant(1.0, random.device)
        trunk, shear, is_raised = random["trunk"], random["shear"], random["sleeves"].float()
        turn = torch.addcmul(random["turn"], random["any turn"], random["turned"].float())
        angles = torch.cat([turn, random["raised"] * is_raised], 1)
        cosines, sines = angles.cos(), angles.sin()
        cos, sleeve_cos = cosines.split(1, 1)
        sin, sleeve_sin = sines.split(1, 1)
        minus_sin, minus_sleeve_sin = (-sines).split(1, 1)
        # Old point = stretch · shear · rotation · new point; half of them are mirrored.
        aspect = torch.addcmul(random["taller"], random.normal(1, 1, 1), random["stretch"]).exp()
        below = torch.cat([sin, cos], 1)
        above = torch.addcmul(torch.cat([cos, minus_sin], 1), shear, below)
        matrix = torch.cat([above * aspect.copysign(random["mirror"]), below / aspect], 1)
        # Point of a hanging sleeve = shoulder + shortening · rotation · (raised one − shoulder).
        length = torch.addcmul(one, random["shortened"], is_raised, value=-1)
        sizes = torch.cat([one.expand_as(length), length], 1)
        across = torch.cat([sleeve_cos, sleeve_sin], 1) / sizes
        down = torch.cat([minus_sleeve_sin, sleeve_cos], 1) / sizes
        shoulder = torch.cat([trunk, constant(SHOULDER, random.device).expand_as(trunk)], 1)
        shoulder = torch.addcmul(shoulder, across, trunk, value=-1).sub(down, alpha=SHOULDER)

        self.turn_x, self.turn_y = matrix[rows, 0::2], matrix[rows, 1::2]
        self.sleeve = shoulder[rows], across[rows], down[rows]
        self.trunk, self.trunk_edge = trunk[rows], (trunk + TRUNK_EDGE)[rows]
        self.tilt_x, self.tilt_y = random["tilt x"][rows], random["tilt y"][rows]
        self.spread, self.knee = random["spread"][rows], random["knee"][rows]
        self.raised = angles[rows, 1, 0, 0]
        # A coarse random field, interpolated smoothly: its cells must not show as kinks.
        field = (random.normal(2, WAVES, WAVES) * random["wobble"])[rows]
        self.field = interpolate(field, scale_factor=6, mode="bicubic", align_corners=False)

    def __call__(self, grid: Tensor) -> Tensor:
        """Points (N or 1, 2, H, W) of the new images → points (N, 2, H, W) of the old ones."""
        x, y = grid.split(1, 1)
        depth = torch.addcmul(constant(1.0, grid.device), self.tilt_x, x)
        grid = grid / torch.addcmul(depth, self.tilt_y, y)
        grid = grid + sample(self.field, grid)
        x, y = grid.split(1, 1)
        x, y = torch.addcmul(self.turn_x * x, self.turn_y, y).split(1, 1)
        grid = self._sleeves_down(self._legs_together(x.abs(), y), y)
        grid[:, :1].copysign_(x)
        return grid

    def _legs_together(self, across: Tensor, y: Tensor) -> Tensor:
        """From legs apart back to legs side by side; the gap between them is outside.

        It widens from the crotch down to the knee.
        """
        down = ((y - CROTCH) / self.knee).clamp(0, 1)
        across = torch.addcmul(across, self.spread, down, value=-1)
        return torch.add(across, across < 0, alpha=OUTSIDE)

    def _sleeves_down(self, across: Tensor, y: Tensor) -> Tensor:
        """From raised sleeves back to hanging ones; the gap that opens under the arm is outside."""
        shoulder, to_side, down = self.sleeve
        sleeve = torch.addcmul(torch.addcmul(shoulder, to_side, across), down, y)
        sleeve = torch.add(sleeve, sleeve[:, :1] <= self.trunk, alpha=OUTSIDE)
        return torch.where(across < self.trunk_edge, torch.cat([across, y], 1), sleeve)


@cache
def pixel_grid(side: int, device: torch.device, reach: float = 1.0) -> Tensor:
    """The centers of a square image's pixels (1, 2, side, side), in [−reach, reach]."""
    line = ((torch.arange(side, device=device) * 2 + 1) / side - 1) * reach
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])[None]


def sample(images: Tensor, grid: Tensor) -> Tensor:
    """Values of float images (N, C, h, w) at points (N, 2, H, W), bilinear, 0 outside."""
    return grid_sample(images, grid.permute(0, 2, 3, 1), padding_mode="zeros", align_corners=False)


def framing_grid(masks: Tensor, warp: RandomWarp, side: int, fill: Tensor) -> Tensor:
    """Where to sample so that the warped garment is centered in the new image and fills it.

    Args:
        masks: float (N, 1, h, w), 1 on the garment.
        warp: of N images.
        side: of the new image, pixels.
        fill: share (N, 1, 1, 1) of the new image's side that the garment's longest side takes.

    Returns:
        Points of the old images (N, 2, side, side).
    """
    device = masks.device
    coarse = pixel_grid(COARSE, device, REACH)  # a warp may lead out of the old frame
    covered = sample(masks, warp(coarse))[:, 0]
    hit = torch.stack([covered.amax(1), covered.amax(2)], 1)[:, None] > 0.5  # columns and rows
    # The greatest x and y, and −x and −y, at the far edge of their pixels, halved.
    line = [(2 * pixel + 1) / COARSE - 1 for pixel in range(COARSE)]
    halves = tuple(
        (tuple(REACH / 2 * (sign * value + 1 / COARSE) for value in line),) for sign in (1, -1)
    )
    nowhere = constant(-OUTSIDE, device)
    greatest, smallest = torch.where(hit, constant(halves, device), nowhere).amax(3).unbind(1)
    center = (greatest - smallest)[:, :, None, None]
    half = (greatest + smallest).amax(1).clamp(min=EMPTY)[:, None, None, None]
    return warp(torch.addcmul(center, half / fill, pixel_grid(side, device)))
