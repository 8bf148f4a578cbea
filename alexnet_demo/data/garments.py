"""Fashion-MNIST's garments with what catalogs leave out: handles, soles, the other shoe.

Garments are float (N, 2, 28, 28): gray levels in [0, 1], and masks in {0, 1}.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d, pad

from alexnet_demo.data.batch_random import (
    SHOES,
    TOPS,
    BatchRandom,
    Draws,
    Label,
    Range,
    constant,
    planes,
)
from alexnet_demo.data.warp import WarpRanges, pixel_grid, sample, warp_draws

SIDE = 28  # of a Fashion-MNIST image, pixels
QUARTER = slice(SIDE // 4, -SIDE // 4)  # the middle half of a side
BAG_EDGE = -0.1  # y of a bag's upper edge below its handle
BAG_SCALE_X, BAG_SCALE_Y = 1.3, 1.8  # how much smaller a bag with a handle becomes

DRAWING_WARP = WarpRanges(turn=12, stretch=0.3, shear=0.2, tilt=0.2, wobble=0.03)
PHOTO_WARP = WarpRanges(turn=18, stretch=0.15, shear=0.12, tilt=0.25, wobble=0.015)

HANDLES = Draws(
    {"handle width": (0.25, 0.7), "handle height": (0.4, 1.2)},
    {"handle": {Label.BAG: 0.65}, "filled handle": 0.5},
)
SOLES = Draws(chances={"soles": {Label.SANDAL: 0.85}, "two soles": 0.5})
PAIRS = Draws(
    {"aside": (-0.36, 0.36), "up": (0.2, 0.93)},
    {
        "pair": dict.fromkeys(SHOES, 0.6),
        "side by side": 0.5,
        "from above": {Label.SANDAL: 0.6, Label.SNEAKER: 0.6},
    },
)
CUT: dict[int, Range] = {label: (0.5, 1.6) if label in SHOES else (0.35, 1.3) for label in Label}
CUTS = Draws(
    {
        "cut right": (-0.7, 0.7),
        "cut down": (-1.0, 1.0),
        "cut center": (-0.35, 0.35),
        "cut half width": CUT,
        "squared neck": {**dict.fromkeys(TOPS, (-0.12, 0.1)), Label.DRESS: (-0.05, 0.03)},
    },
    {"hair": 0.3},
)


def warp_ranges(photo: bool, label: Label) -> WarpRanges:
    """Warps that suit a garment: sleeves are raised, legs spread.

    Some photos show a garment in any direction, most often shoes, seen from above. In drawings,
    sneakers become higher and trousers wider, as people draw them.
    """
    ranges = replace(PHOTO_WARP, any_turn=180, turned=0.1) if photo else DRAWING_WARP
    if label in TOPS:
        sleeves, shortened = (60, 0.4) if photo else (90, 0.5)
        return replace(ranges, sleeves=sleeves, shortened=shortened)
    if label in SHOES:
        taller = 0.8 if label == Label.SNEAKER and not photo else 0.0
        return replace(ranges, any_turn=100, turned=0.35 if photo else 0.1, taller=taller)
    if label == Label.TROUSER:
        spread, taller = (0.3, 0.0) if photo else (0.4, -0.8)
        return replace(ranges, spread=spread, taller=taller)
    return ranges


WARPS = warp_draws([warp_ranges(photo, label) for photo in (False, True) for label in Label])
"""For drawings of each label, then for photos."""


def with_silhouettes(images: Tensor, labels: Tensor) -> Tensor:
    """Garments (N, 2, 28, 28) from uint8 images (N, 28, 28).

    In the masks, holes that a white print leaves are closed, but not the gaps of trousers and
    sandals.
    """
    gray = images[:, None].float() / 255
    mask = (gray > 0.06).float()
    dilated = max_pool2d(mask, 3, stride=1, padding=1)
    closed = -max_pool2d(-dilated, 3, stride=1, padding=1)
    is_open = tuple(label in (Label.TROUSER, Label.SANDAL) for label in Label)
    gaps = constant(is_open, labels.device, torch.bool)[labels][:, None, None, None]
    return torch.cat([gray, torch.where(gaps, mask, closed)], 1)


@cache
def _handle_planes(device: torch.device) -> tuple[Tensor, ...]:
    """Constants of `add_handles`.

    Returns:
        x, and y above the bag's upper edge; where the handle may be; where the area under it is
        light; for each row, how high it is; and the pixels of the smaller bag in the old one.
    """
    x, y = pixel_grid(SIDE, device).split(1, 1)
    up = y - BAG_EDGE
    below = torch.cat([x * BAG_SCALE_X, up * BAG_SCALE_Y + 1], 1)
    return x, up, up < 0.1, (up > 0).float(), 1 - y[..., :1], below


def add_handles(garments: Tensor, rows: Tensor, random: BatchRandom) -> Tensor:
    """Add a handle above most bags, which catalogs lay flat or leave out.

    The area under a handle is open, or part of the outline as in a quick drawing, and then dark
    above a light upper edge of the bag, so that a line between them is drawn.

    Args:
        garments: see above.
        rows: float (N, 1, 28, 1), 1 where a row has a part of the garment.
        random: with `HANDLES`.
    """
    width, filled = random["handle width"], random["filled handle"]
    x, up, allowed, light, row_height, below = _handle_planes(random.device)
    # The bag becomes smaller and moves down; the frame fits all of it anyway.
    height = (rows * row_height).amax(2, keepdim=True)
    grid = torch.addcmul(below, planes(0.0, -1.0, device=random.device), height)
    gray, masks = sample(garments, grid).split(1, 1)
    across, upward = x / width, up / random["handle height"]
    radius = torch.addcmul(across.square(), upward, upward).sqrt()
    ring = (radius - 1).abs() * width < 0.07
    handle = torch.where(filled, radius < 1, ring) & allowed
    shade = torch.where(filled, light, constant(0.6, random.device))
    bags = torch.cat([gray.maximum(shade * handle), (masks > 0.5) | handle], 1)
    return torch.where(random["handle"], bags, garments)


def sandals_from_above(
    garments: Tensor, rows: Tensor, random: BatchRandom
) -> tuple[Tensor, Tensor, Tensor]:
    """Most flat sandals as people draw them: soles seen from above, toes up, one or a pair.

    Args:
        garments: see above.
        rows: see `add_handles`.
        random: with `SOLES`.

    Returns:
        The garments, which of them are soles, and which a pair of them, bool (N, 1, 1, 1).
    """
    masks = garments[:, 1:]
    closed = -max_pool2d(-max_pool2d(pad(masks, [6] * 4), 13, stride=1), 13, stride=1, padding=6)
    chosen = random["soles"] & (rows.sum(2, keepdim=True) < SIDE / 2)
    sole = closed.rot90(-1, (2, 3))
    soles = torch.where(random["two soles"], _mirrored_pair(sole[..., QUARTER]), sole)
    soles = soles * planes(0.6, 1.0, device=random.device)
    return torch.where(chosen, soles, garments), chosen, chosen & random["two soles"]


def _mirrored_pair(half: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, H, 2W), with its mirror image on the right."""
    return torch.cat([half, half.flip(3)], 3)


def pair_shoes(garments: Tensor, random: BatchRandom) -> Tensor:
    """Many shoes as a pair: one behind the other, side by side, or side by side from above.

    Args:
        garments: see above.
        random: with `PAIRS`.
    """
    offset = torch.cat([random["aside"], random["up"]], 1)
    moved = sample(garments, pixel_grid(SIDE, random.device) + offset)
    moved = moved * planes(0.85, 1.0, device=random.device)
    behind = torch.where(garments[:, 1:] > 0.5, garments, moved)
    narrow = interpolate(garments, size=(SIDE, SIDE // 2), mode="bilinear", align_corners=False)
    from_above = garments.rot90(1, (2, 3))[..., QUARTER]
    half = torch.where(random["from above"], from_above, narrow)
    pairs = torch.where(random["side by side"], _mirrored_pair(half), behind)
    return torch.where(random["pair"], pairs, garments)


@cache
def _cut_planes(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Constants of `cut_garments`: x, y, and the squared distance from the neck, (1, 1, 28, 28)."""
    x, y = pixel_grid(SIDE, device).split(1, 1)
    return x, y, x.square() + (y + 0.95).square()


def cut_garments(garments: Tensor, random: BatchRandom) -> Tensor:
    """Cut off parts of many garments, in straight lines at one or two opposite sides.

    So the frame of a photo does, a fold, or `images.wearer`, which also leaves a notch at the neck,
    or hair over it.

    Args:
        garments: see above.
        random: with `CUTS`.
    """
    x, y, from_neck = _cut_planes(random.device)
    across = torch.addcmul(random["cut center"], random["cut right"], x)
    across = torch.addcmul(across, random["cut down"], y).abs()
    garments = torch.where(from_neck < random["squared neck"], random["hair"], garments)
    return garments * (across < random["cut half width"])
