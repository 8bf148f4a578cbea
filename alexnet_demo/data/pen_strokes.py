"""Pen strokes for batches of drawings: outlines, inner edges, seams, stray strokes.

Every stroke is drawn where some smooth quantity crosses zero, as wide as the pen.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from alexnet_demo.data.batch_random import BatchRandom, Label, expand_nchw, per_label
from alexnet_demo.data.warp import pixel_grid


def box_blur(images: Tensor, radius: int) -> Tensor:
    """Averaged over squares of 2·radius + 1 pixels, twice: nearly Gaussian; edges repeat."""
    size = 2 * radius + 1
    height, width = images.shape[-2:]
    for _ in range(2):  # sums of slices: `avg_pool2d` takes ten times as long on a CPU
        x = pad(images, [radius] * 4, mode="replicate")
        x = sum((x[..., i : i + width] for i in range(1, size)), x[..., :width])
        images = sum((x[..., i : i + height, :] for i in range(1, size)), x[..., :height, :])
        images = images / size**2
    return images


def gradient_magnitude(values: Tensor) -> Tensor:
    """Central differences of (N, 1, H, W), per pixel; edges repeat."""
    padded = pad(values, [1] * 4, mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    return (across.square() + down.square()).sqrt()


def zero_crossings(values: Tensor, pen: Tensor) -> Tensor:
    """Ink (N, 1, H, W) in [0, 1] where values cross zero, as wide as the pen in pixels.

    The distance to the crossing is, to first order, the value over its gradient.
    """
    distance = values.abs() / gradient_magnitude(values).clamp(min=1e-4)
    return (pen / 2 + 0.5 - distance).clamp(0, 1)


def inner_edges(shade: Tensor, scale: float, pen: Tensor, random: BatchRandom) -> Tensor:
    """Ink along inner edges: where a difference of two blurs crosses zero steeply.

    After Marr and Hildreth, "Theory of edge detection" (1980). How faint an edge is still drawn
    differs from image to image: some people draw every seam, some none.
    """
    fine = box_blur(shade, max(1, round(scale / 2)))
    steep = gradient_magnitude(fine) * scale > random.uniform_nchw(0.02, 0.3)
    return zero_crossings(fine - box_blur(fine, max(1, round(scale))), 0.8 * pen) * steep


def stray_strokes(side: int, pen: Tensor, random: BatchRandom) -> Tensor:
    """A straight stroke across a part of each image, ink (N, 1, side, side) in [0, 1]."""
    start, end = (random.uniform(-1, 1, 1, 1, 2) for _ in range(2))
    direction = end - start
    offset = pixel_grid(side, random.device) - start
    length2 = direction.square().sum(-1).clamp(min=1e-3)
    along = ((offset * direction).sum(-1) / length2).clamp(0, 1)
    distance = (offset - along[..., None] * direction).square().sum(-1).sqrt() * side / 2
    return (pen / 2 + 0.5 - distance[:, None]).clamp(0, 1)


def garment_seams(
    grid: Tensor, bottom: Tensor, labels: Tensor, soles: Tensor, pen: Tensor, random: BatchRandom
) -> Tensor:
    """Ink (N, 1, H, W) in [0, 1] of the lines by which people distinguish garments.

    A coat or a shirt opens in front, with lapels, buttons, and pockets; a pullover has a neckband,
    a hem, and cuffs; trousers a waistband and a fly; a bag a flap with a clasp; a shoe its sole; a
    sandal from above the strap between the toes. Each is drawn by some people and not by others.

    Args:
        grid: (N, H, W, 2), coordinates in the garment's own image, x then y in [−1, 1].
        bottom: (N,), the garment's lowest point there.
        labels: int64 (N,).
        soles: int64 (N,), soles seen from above, toes up; only they have a strap between the toes.
        pen: (N, 1, 1, 1), pixels.
        random: drawn from in the order of the lines below, which is why this is one function.
    """
    x, y = grid[..., 0][:, None], grid[..., 1][:, None]
    across = x.abs()
    everywhere = across < 2  # but not where a warp leads `OUTSIDE`
    ink = torch.zeros_like(x)

    def add(values: Tensor, inside: Tensor, **shares: float) -> None:
        """Draw where values cross zero, inside a region, on these shares of the classes."""
        nonlocal ink
        share = per_label({Label[name]: share for name, share in shares.items()}, labels)
        drawn = expand_nchw(random.uniform() < share)
        ink = ink.maximum(zero_crossings(values, 0.8 * pen) * (inside & drawn))

    # The front of coats and shirts.
    middle = random.uniform_nchw(-0.06, 0.06)
    low = random.uniform_nchw(-0.85, -0.1)  # where the lapels meet
    opening = (y > low) & (across < 0.35)
    add(x - middle, opening, COAT=0.9, SHIRT=0.5)
    lapel = across - 0.3 * (low - y) / (low + 1)
    add(lapel, (y < low) & (across < 0.35), COAT=0.6, SHIRT=0.5)
    step = random.uniform_nchw(0.2, 0.4)
    beside = ((y - low) / step % 1 - 0.5) * step
    button = ((x - middle - 0.08).square() + beside.square()).sqrt() - 0.03
    add(button, opening, COAT=0.4, SHIRT=0.6)
    pocket = y - random.uniform_nchw(0.1, 0.5) - random.uniform_nchw(-1, 1) * (across - 0.3)
    add(pocket, (across > 0.16) & (across < 0.42), COAT=0.4, SHIRT=0.1)
    # Hems, soles, and necks.
    hem = expand_nchw(bottom) - random.uniform_nchw(0.1, 0.25)
    add(y - hem, everywhere, PULLOVER=0.5, COAT=0.2, BAG=0.1, SNEAKER=0.5, ANKLE_BOOT=0.3)
    wide, deep = random.uniform_nchw(0.2, 0.35), random.uniform_nchw(0.1, 0.35)
    neck = ((x / wide).square() + ((y + 1) / deep).square()).sqrt() - 1
    add(neck, everywhere, T_SHIRT=0.4, PULLOVER=0.5, DRESS=0.3)
    # Waists of dresses and trousers, and the fly.
    add(y - random.uniform_nchw(-0.4, 0.1), everywhere, DRESS=0.3)
    add(y - random.uniform_nchw(-0.9, -0.7), everywhere, TROUSER=0.4)
    add(x - middle, (y > -0.8) & (y < -0.4), TROUSER=0.3)
    # Flaps and clasps of bags.
    flap = y - random.uniform_nchw(-0.2, 0.4) + random.uniform_nchw(0, 0.5) * x.square()
    add(flap, everywhere, BAG=0.35)
    add((x.square() + flap.square()).sqrt() - 0.06, everywhere, BAG=0.25)
    # Straps of sandals.
    toe = random.uniform_nchw(-0.8, -0.5)
    aside = torch.where(expand_nchw(soles) == 2, (across - 0.5).abs(), across)
    strap = aside - random.uniform_nchw(0.3, 0.8) * (y - toe)
    add(strap, (y > toe) & (y < 0.3) & expand_nchw(soles > 0), SANDAL=1.0)
    return ink
