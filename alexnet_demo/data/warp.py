"""Random bends of whole batches of pictures: turned, stretched, tilted, wobbled, sleeves raised.

A `Warp` is a function from points of the new picture to points of the old one, each picture with
its own random parameters. As a function, it can be asked twice: coarsely, to find where the garment
went, and finely, over a frame that fits it there. So a garment is resampled only once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

WAVES = 5  # cells of the wobble's field, a side
OUTSIDE = 5.0  # a point where no picture is
EMPTY = 1e-3  # half a side below which a frame would show nothing


@dataclass(frozen=True)
class WarpRanges:
    """How far a `Warp` may go.

    Attributes:
        turn: greatest rotation, degrees.
        stretch: spread of the logarithm of width to height.
        shear: greatest shift of the top against the bottom, in half sides.
        spread: greatest slope by which trouser legs stand apart.
        tilt: greatest perspective: how much nearer one edge may be than the middle.
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
    """Random bends of N pictures.

    Args:
        count: N.
        bend: how far to go.
        generator: on the device where the pictures are.
        turns: degrees (N,), added to the random rotation.
        sleeved: bool (N,), pictures whose sleeves may be raised; None for none.
        legged: bool (N,), pictures whose legs may be spread; None for none.
        taller: (N,), added to the random logarithm of height to width; None for none.
    """

    def __init__(
        self,
        count: int,
        bend: WarpRanges,
        generator: torch.Generator,
        turns: Tensor | None = None,
        sleeved: Tensor | None = None,
        legged: Tensor | None = None,
        taller: Tensor | None = None,
    ) -> None:
        def uniform(*shape: int) -> Tensor:
            return torch.rand(count, *shape, generator=generator, device=generator.device)

        def normal(*shape: int) -> Tensor:
            return torch.randn(count, *shape, generator=generator, device=generator.device)

        angle = (uniform() * 2 - 1) * math.radians(bend.turn)
        if turns is not None:
            angle = angle + torch.deg2rad(turns)
        stretch = normal() * bend.stretch
        aspect = (stretch if taller is None else stretch + taller).exp().sqrt()
        shear = (uniform() * 2 - 1) * bend.shear
        cos, sin = angle.cos(), angle.sin()
        # Old point = stretch · shear · rotation · new point; mirrored by half of them.
        mirror = torch.where(uniform() < 0.5, -1.0, 1.0)
        first = torch.stack([(cos + shear * sin) * aspect, (shear * cos - sin) * aspect], 1)
        second = torch.stack([sin / aspect, cos / aspect], 1)
        self.matrix = torch.stack([first * mirror[:, None], second], 1)  # (N, 2, 2)
        self.tilt = (uniform(2) * 2 - 1) * bend.tilt
        # A coarse random field, made smooth: its cells must not show as kinks.
        field = normal(2, WAVES, WAVES) * (bend.wobble * (0.3 + uniform(1, 1, 1)))
        self.field = interpolate(field, scale_factor=6, mode="bicubic", align_corners=False)
        self.trunk = 0.4 + 0.15 * uniform()
        self.spread, self.knee = uniform() * bend.spread, 0.2 + 1.1 * uniform()
        self.spread = self.spread * legged if legged is not None else 0 * self.spread
        raised = uniform() * math.radians(bend.sleeves)
        raised = raised * (uniform() < 0.7)
        self.length = 1 - uniform() * bend.shortened
        self.raised = raised * sleeved if sleeved is not None else torch.zeros_like(raised)

    def __call__(self, points: Tensor) -> Tensor:
        """Points of the new pictures (N, H, W, 2), x then y in [−1, 1] → points of the old ones."""
        depth = 1 + points @ self.tilt[:, None, :, None]  # (N, H, W, 1)
        points = points / depth
        points = points + sample(self.field, points).permute(0, 2, 3, 1)
        points = points @ self.matrix[:, None].transpose(-1, -2)
        return self._sleeves_down(self._legs_together(points))

    def _sleeves_down(self, points: Tensor) -> Tensor:
        """Back from raised sleeves to hanging ones; the gap that opens under the arm is outside."""
        x, y = points.unbind(-1)
        trunk, angle = self.trunk[:, None, None], self.raised[:, None, None]
        across, down = x.abs() - trunk, y + 0.7  # from the shoulder
        hung = torch.stack(
            [across * angle.cos() - down * angle.sin(), across * angle.sin() + down * angle.cos()],
            -1,
        )
        hung = hung / torch.stack([torch.ones_like(self.length), self.length], -1)[:, None, None]
        shoulder = torch.stack([trunk, torch.full_like(trunk, -0.7)], -1)
        sleeve = (hung + shoulder) * torch.stack([x.sign(), torch.ones_like(x)], -1)
        in_sleeve, in_trunk = hung[..., 0] > 0, across < 0.02
        apart = torch.where(in_sleeve[..., None], sleeve, points.new_tensor(OUTSIDE))
        turned = torch.where(in_trunk[..., None], points, apart)
        return torch.where(angle[..., None] > 0.05, turned, points)

    def _legs_together(self, points: Tensor) -> Tensor:
        """Back from legs apart to legs side by side; the gap between them is outside.

        It widens from the crotch down, at the knee to its full width.
        """
        x, y = points.unbind(-1)
        down = (y + 0.3) / self.knee[:, None, None]
        away = self.spread[:, None, None] * down.clamp(0, 1)
        old = x.abs() - away
        moved = torch.where(old < 0, OUTSIDE, x.sign() * old)
        return torch.stack([torch.where(away > 0, moved, x), y], -1)


def points(side: int, device: torch.device) -> Tensor:
    """The centres of a picture's pixels (side, side, 2), x then y in [−1, 1]."""
    line = (torch.arange(side, device=device) * 2 + 1) / side - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1)


def sample(images: Tensor, where: Tensor) -> Tensor:
    """Values of float images (N, C, h, w) at points (N, H, W, 2), 0 outside, bilinear."""
    return grid_sample(images, where, padding_mode="zeros", align_corners=False)


def framed(masks: Tensor, warp: RandomWarp, side: int, fill: Tensor) -> Tensor:
    """Where to sample so that the warped garment fills its share of the new picture, centred.

    Args:
        masks: float (N, 1, h, w), 1 on the garment.
        side: of the new picture, pixels.
        fill: share (N,) of the picture's side that the garment's longest side takes.

    Returns:
        Points of the old pictures (N, side, side, 2).
    """
    coarse = 1.6 * points(32, masks.device)  # beyond the old frame: bends may lead out of it
    seen = sample(masks, warp(coarse.expand(len(masks), -1, -1, -1)))[:, 0] > 0.5
    spans = []
    for axis, line in ((1, coarse[0, :, 0]), (2, coarse[:, 0, 1])):
        hit = seen.any(axis)
        low = torch.where(hit, line, line.new_tensor(9.0)).amin(1)
        high = torch.where(hit, line, line.new_tensor(-9.0)).amax(1)
        nothing = ~hit.any(1)
        spans.append((low.masked_fill(nothing, -1), high.masked_fill(nothing, 1)))
    centre = torch.stack([(low + high) / 2 for low, high in spans], 1)
    half = torch.stack([(high - low) / 2 for low, high in spans], 1).amax(1) + 1.6 / 32
    scale = (half.clamp(min=EMPTY) / fill)[:, None, None, None]
    return warp(centre[:, None, None] + scale * points(side, masks.device))
