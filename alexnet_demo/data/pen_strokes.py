"""Pen strokes on whole batches of drawings: outlines, inner edges, seams, slips of the pen.

Every stroke is the line where some smooth quantity crosses zero, with the width of a pen.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from alexnet_demo.data.batch_random import (
    ANKLE_BOOT,
    BAG,
    COAT,
    DRESS,
    PULLOVER,
    SANDAL,
    SHIRT,
    SNEAKER,
    T_SHIRT,
    TROUSER,
    BatchRandom,
    expand_n2,
    expand_nchw,
)
from alexnet_demo.data.warp import points


def blur(images: Tensor, radius: int) -> Tensor:
    """Averaged over squares of 2·radius + 1 pixels, twice: nearly a bell; edges repeat."""
    size = 2 * radius + 1
    height, width = images.shape[-2:]
    for _ in range(2):  # sums of slices: `avg_pool2d` takes ten times as long on a CPU
        x = pad(images, [radius] * 4, mode="replicate")
        x = sum((x[..., i : i + width] for i in range(1, size)), x[..., :width])
        images = sum((x[..., i : i + height, :] for i in range(1, size)), x[..., :height, :])
        images = images / size**2
    return images


def slopes(values: Tensor) -> Tensor:
    """Length of the gradient of (N, 1, H, W), a pixel; edges repeat."""
    padded = pad(values, [1] * 4, mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return (across.square() + down.square()).sqrt()


def line(values: Tensor, pen: Tensor) -> Tensor:
    """Ink (N, 1, H, W) in [0, 1] where values cross zero, as wide as the pen in pixels.

    The distance to the crossing is, to first order, the value over its slope.
    """
    away = values.abs() / slopes(values).clamp(min=1e-4)
    return (pen / 2 + 0.5 - away).clamp(0, 1)


def edges(tone: Tensor, scale: float, pen: Tensor, dice: BatchRandom) -> Tensor:
    """Ink along inner edges: where a difference of two blurs crosses zero steeply.

    After Marr and Hildreth, "Theory of edge detection" (1980). How faint an edge is still drawn
    differs from picture to picture: some people draw every seam, some none.
    """
    fine = blur(tone, max(1, round(scale / 2)))
    steep = slopes(fine) * scale > expand_nchw(dice.uniform(0.02, 0.3))
    return line(fine - blur(fine, max(1, round(scale))), 0.8 * pen) * steep


def strays(side: int, pen: Tensor, dice: BatchRandom) -> Tensor:
    """A straight stroke across a part of each picture, ink in [0, 1]."""
    start, end = (expand_n2(dice.uniform(-1, 1, 2)) for _ in range(2))
    way = end - start
    here = points(side, dice.device) - start
    along = ((here * way).sum(-1) / way.square().sum(-1).clamp(min=1e-3)).clamp(0, 1)
    away = (here - along[..., None] * way).square().sum(-1).sqrt() * side / 2
    return (pen / 2 + 0.5 - away[:, None]).clamp(0, 1)


def seams(
    where: Tensor, bottom: Tensor, labels: Tensor, soles: Tensor, pen: Tensor, dice: BatchRandom
) -> Tensor:
    """Ink (N, 1, H, W) in [0, 1] of the lines by which people tell garments apart.

    A coat or a shirt opens in front, with lapels, buttons and pockets; a pullover has a neckband, a
    hem and cuffs; trousers a waistband and a fly; a bag a flap with a clasp; a shoe its sole; a
    sandal from above the strap between the toes. Each is drawn by some people and not by others.

    Args:
        where: (N, H, W, 2), points of the garment's own picture, x then y in [−1, 1].
        bottom: (N,), the garment's lowest point there.
        labels: int64 (N,).
        soles: int64 (N,), soles seen from above, toes up; only they have a strap between the toes.
        pen: (N, 1, 1, 1), pixels.
    """
    x, y = where[..., 0][:, None], where[..., 1][:, None]
    across = x.abs()
    ink = torch.zeros_like(x)

    def add(values: Tensor, inside: Tensor, shares: dict[int, float]) -> None:
        nonlocal ink
        share = torch.zeros(10, device=labels.device)
        share[list(shares)] = torch.tensor(list(shares.values()), device=labels.device)
        drawn = expand_nchw(dice.uniform() < share[labels])
        ink = ink.maximum(line(values, 0.8 * pen) * (inside & drawn))

    middle = expand_nchw(dice.uniform(-0.06, 0.06))
    low = expand_nchw(dice.uniform(-0.85, -0.1))  # where the lapels meet
    opening = (y > low) & (across < 0.35)
    add(x - middle, opening, {COAT: 0.9, SHIRT: 0.5})
    lapel = across - 0.3 * (low - y) / (low + 1)
    add(lapel, (y < low) & (across < 0.35), {COAT: 0.6, SHIRT: 0.5})
    step = expand_nchw(dice.uniform(0.2, 0.4))
    beside = ((y - low) / step % 1 - 0.5) * step
    button = ((x - middle - 0.08).square() + beside.square()).sqrt() - 0.03
    add(button, opening, {COAT: 0.4, SHIRT: 0.6})
    pocket = (
        y - expand_nchw(dice.uniform(0.1, 0.5)) - expand_nchw(dice.uniform(-1, 1)) * (across - 0.3)
    )
    add(pocket, (across > 0.16) & (across < 0.42), {COAT: 0.4, SHIRT: 0.1})
    everywhere = across < 2
    band = bottom[:, None, None, None] - expand_nchw(dice.uniform(0.1, 0.25))
    welts = {SNEAKER: 0.5, ANKLE_BOOT: 0.3}
    add(y - band, everywhere, {PULLOVER: 0.5, COAT: 0.2, BAG: 0.1} | welts)
    wide, deep = expand_nchw(dice.uniform(0.2, 0.35)), expand_nchw(dice.uniform(0.1, 0.35))
    neck = ((x / wide).square() + ((y + 1) / deep).square()).sqrt() - 1
    add(neck, everywhere, {T_SHIRT: 0.4, PULLOVER: 0.5, DRESS: 0.3})
    add(y - expand_nchw(dice.uniform(-0.4, 0.1)), everywhere, {DRESS: 0.3})
    add(y - expand_nchw(dice.uniform(-0.9, -0.7)), everywhere, {TROUSER: 0.4})
    add(x - middle, (y > -0.8) & (y < -0.4), {TROUSER: 0.3})
    flap = y - expand_nchw(dice.uniform(-0.2, 0.4)) + expand_nchw(dice.uniform(0, 0.5)) * x.square()
    add(flap, everywhere, {BAG: 0.35})
    add((x.square() + flap.square()).sqrt() - 0.06, everywhere, {BAG: 0.25})
    toe = expand_nchw(dice.uniform(-0.8, -0.5))
    aside = torch.where(expand_nchw(soles) == 2, (across - 0.5).abs(), across)
    strap = aside - expand_nchw(dice.uniform(0.3, 0.8)) * (y - toe)
    add(strap, (y > toe) & (y < 0.3) & expand_nchw(soles > 0), {SANDAL: 1.0})
    return ink
