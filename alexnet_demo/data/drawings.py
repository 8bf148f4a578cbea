"""Line drawings of garments, as people make them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from alexnet_demo.data.batch_random import BatchRandom, Draws, constant, planes
from alexnet_demo.data.garments import HANDLES, SIDE, SOLES
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
from alexnet_demo.data.warp import sample
from alexnet_demo.images import redraw

OUTLINE = 0.45  # of the blurred mask
SHADING = Draws(
    # The noise is hardly ever below -3: most areas are neither hatched nor patchy.
    {"shade by hand": (0.3, 1.0), "hatched": (-100, 0.3), "patchy": (-30, 0)},
    {"shaded": 0.66, "by hand": 0.18, "glyph": 0.06},
    {"hatches": 24, "patches": 4},
)
DRAWING = (
    HANDLES
    | SOLES
    | SEAM_DRAWS
    | STROKE_DRAWS
    | SHADING
    | Draws(
        {
            "fill": (0.88, 1.0),
            "pen": (0.9, 1.9),  # pixels of 28
            "faintest edge": (0.02, 0.3),  # some people draw every edge, some none
            "gap": (-6.0, -1.6),
            "strength": (0.75, 1.0),
        },
        {"second outline": 0.2, "stray stroke": 0.08},
        {"outline": 7, "second outline": 4, "gaps": 7},
    )
)
"""All that is random in a drawing, apart from the warp."""


def draw(
    garments: Tensor,
    rows: Tensor,
    grid: Tensor,
    labels: Tensor,
    soles: Tensor,
    pairs: Tensor,
    random: BatchRandom,
) -> Tensor:
    """Line drawings of warped garments: outlined, with inner edges, and shaded inside or not.

    The pen is about as wide as the standard pen of `images.redraw`.

    Args:
        garments: see `garments`.
        rows: see `add_handles`.
        grid: where to sample them, (N, 2, side, side).
        labels: int64 (N,).
        soles: see `garment_seams`.
        pairs: likewise.
        random: with `DRAWING`.

    Returns:
        float (N, 1, side, side) in [0, 1], light strokes on black.
    """
    side, device = grid.shape[-1], grid.device
    scale = side / SIDE
    lower_edges = tuple(2 * (row + 1) / SIDE for row in range(SIDE))
    bottom = (rows * constant(lower_edges, device)[:, None]).amax(2, keepdim=True)
    shade, inner = sample(box_blur(garments, 1), grid).split(1, 1)
    # Means of four pixels are at their corners: one more than pixels, on the same square.
    corners = avg_pool2d(garments[:, 1:], 2, stride=1, padding=1)
    body = sample(corners, grid * (SIDE / (SIDE + 1)))
    smooth = box_blur(torch.cat([body, shade], 1), max(1, round(scale / 2)))
    body, shade = smooth.split(1, 1)
    inner = inner > 0.95

    noise = random.noise(side)
    border = body - OUTLINE
    stray, stray_region = stray_strokes(side, random)
    seams, seam_regions = garment_seams(grid, bottom, labels, soles, pairs, random)
    values = torch.cat(
        [
            torch.sub(border, noise["outline"], alpha=0.05),
            stray,
            torch.add(border, noise["second outline"], alpha=0.3),
            edge_values(shade, max(1, round(1.4 * scale))),
            seams,
            shade,  # for its gradient
        ],
        1,
    )
    gradient = gradient_magnitude(values)
    regions = torch.cat(
        [
            constant(True, device, torch.bool).expand_as(body),
            stray_region & random["stray stroke"],
            (body > 0.02) & random["second outline"],
            (gradient[:, -1:] * (scale / 2) > random["faintest edge"]) & inner,
            seam_regions & (body > 0.5),
        ],
        1,
    )
    # Outlines and stray strokes are as wide as the pen, other lines less.
    widths = planes(*[scale / 2] * 2, *[0.8 * scale / 2] * (2 + MOST_LINES), device=device)
    reach = torch.addcmul(constant(0.5, device), random["pen"], widths)
    ink = zero_crossings(values[:, :-1], gradient[:, :-1], reach) * regions
    ink = ink.amax(1, keepdim=True) * (noise["gaps"] > random["gap"]) * random["strength"]
    return add_shading(ink, border, inner, noise, random)


def add_shading(
    ink: Tensor, border: Tensor, inner: Tensor, noise: dict[str, Tensor], random: BatchRandom
) -> Tensor:
    """Shade the inside of drawings as people and `images.redraw` do: flat, not at all, by hand.

    Args:
        ink: (N, 1, H, W) in [0, 1].
        border: (N, 1, H, W), positive inside of the outline.
        inner: bool (N, 1, H, W), well inside.
        noise: of `SHADING`.
        random: with `SHADING`.

    Returns:
        float (N, 1, H, W) in [0, 1].
    """
    flat = constant(redraw.SHADE / 255, ink.device)
    level = torch.where(random["by hand"], random["shade by hand"], flat) * random["shaded"]
    covered = (noise["hatches"] > random["hatched"]) & (noise["patches"] > random["patchy"])
    inside = (border * 6 + 0.35).clamp(0, 1)
    # An icon's glyph: solid, with its inner lines left out in the background's color.
    glyph = torch.addcmul(inside, inside, ink * inner, value=-0.9)
    shaded = ink.maximum(inside * (level * covered))
    return torch.where(random["glyph"], glyph, shaded)
