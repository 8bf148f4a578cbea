"""Pen strokes for batches of drawings: outlines, inner edges, seams, stray strokes.

Every stroke is drawn where some smooth quantity crosses zero, as wide as the pen. All strokes of a
drawing are channels of one tensor, so that they are drawn by the same few operations.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from alexnet_demo.data.batch_random import BatchRandom, Draws, Label, constant
from alexnet_demo.data.warp import pixel_grid

SEAMS: Mapping[Label, Mapping[str, float]] = {
    Label.T_SHIRT: {"neck": 0.4},
    Label.TROUSER: {"waist": 0.4, "fly": 0.3},
    Label.PULLOVER: {"hem": 0.5, "neck": 0.5},
    Label.DRESS: {"neck": 0.3, "waist": 0.3},
    Label.COAT: {"front": 0.9, "lapel": 0.6, "buttons": 0.4, "pocket": 0.4, "hem": 0.2},
    Label.SANDAL: {"strap": 1.0},
    Label.SHIRT: {"front": 0.5, "lapel": 0.5, "buttons": 0.6, "pocket": 0.1},
    Label.SNEAKER: {"hem": 0.5},
    Label.BAG: {"hem": 0.1, "flap": 0.35, "clasp": 0.25},
    Label.ANKLE_BOOT: {"hem": 0.3},
}
"""The lines by which people distinguish garments, with the share of drawings that have them."""
LINES = tuple(dict.fromkeys(line for lines in SEAMS.values() for line in lines))
MOST_LINES = max(map(len, SEAMS.values()))
OWN_LINES = tuple(
    tuple(([*map(LINES.index, SEAMS[label])] + [0] * MOST_LINES)[:MOST_LINES]) for label in Label
)
"""For each label the indices of its lines, filled up with a line that it does not have."""
SEAM_DRAWS = Draws(
    {
        "middle": (-0.06, 0.06),  # of the front, x
        "opening": (0.15, 0.9),  # depth below the top to where the lapels meet
        "button distance": (0.2, 0.4),
        "pocket": (0.1, 0.5),
        "pocket slope": (-1, 1),
        "hem": (0.1, 0.25),  # above the bottom
        "neck width": (0.2, 0.35),
        "neck depth": (0.1, 0.35),
        "waist": {Label.DRESS: (-0.4, 0.1), Label.TROUSER: (-0.9, -0.7)},
        "flap": (-0.2, 0.4),
        "flap curve": (0, 0.5),
        "toe": (-0.8, -0.5),
        "strap slope": (0.3, 0.8),
    },
    {
        f"line {number}": {
            label: [*lines.values()][number]
            for label, lines in SEAMS.items()
            if number < len(lines)
        }
        for number in range(MOST_LINES)
    },
)
STROKE_DRAWS = Draws(
    dict.fromkeys(("stroke x", "stroke y", "stroke right", "stroke down"), (-0.7, 0.7))
)


def box_blur(images: Tensor, radius: int) -> Tensor:
    """Averaged over squares of 2·radius + 1 pixels, twice: nearly Gaussian.

    At the edges, over the pixels that there are.
    """
    for _ in range(2):
        images = avg_pool2d(images, 2 * radius + 1, 1, radius, count_include_pad=False)
    return images


def gradient_magnitude(values: Tensor) -> Tensor:
    """Central differences of (N, C, H, W), over two pixels; edges repeat."""
    padded = pad(values, [1] * 4, mode="replicate")
    across = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    return torch.addcmul(across.square(), down, down).sqrt()


def zero_crossings(values: Tensor, gradient: Tensor, reach: Tensor) -> Tensor:
    """Ink (N, C, H, W) in [0, 1] where values cross zero.

    The distance to the crossing is, to first order, the value over its gradient.

    Args:
        values: (N, C, H, W).
        gradient: their `gradient_magnitude`.
        reach: distance in pixels from which on there is no ink: half of the pen's width, and half
            a pixel more.
    """
    distance = values.abs() / gradient.clamp(min=2e-4)
    return torch.sub(reach, distance, alpha=2).clamp(0, 1)


def edge_values(shade: Tensor, distance: int) -> Tensor:
    """Crosses zero along edges: each pixel minus the mean of the four at this distance.

    After Marr and Hildreth, "Theory of edge detection" (1980), for an image that is blurred
    already.
    """
    padded = pad(shade, [distance] * 4, mode="replicate")
    middle = slice(distance, -distance)
    around = padded[..., middle, : -2 * distance] + padded[..., middle, 2 * distance :]
    around = around + padded[..., : -2 * distance, middle] + padded[..., 2 * distance :, middle]
    return torch.sub(shade, around, alpha=0.25)


def stray_strokes(side: int, random: BatchRandom) -> tuple[Tensor, Tensor]:
    """A straight stroke across a part of each image.

    Args:
        side: pixels.
        random: with `STROKE_DRAWS`: the middle of the stroke, and half of it.

    Returns:
        (N, 1, side, side): what is zero on its line, and bool, where it is drawn.
    """
    right, down = random["stroke right"], random["stroke down"]
    middle = torch.cat([random["stroke x"], random["stroke y"]], 1)
    x, y = (pixel_grid(side, random.device) - middle).split(1, 1)
    along = torch.addcmul(x * right, y, down)
    beside = torch.addcmul(x * down, y, right, value=-1)
    return beside, along.abs() < torch.addcmul(right.square(), down, down)


def garment_seams(
    grid: Tensor, bottom: Tensor, labels: Tensor, soles: Tensor, pairs: Tensor, random: BatchRandom
) -> tuple[Tensor, Tensor]:
    """The lines by which people distinguish garments, some of `SEAMS` for each image.

    A coat or a shirt opens in front, with lapels, buttons, and pockets; a pullover has a neckband
    and a hem; trousers a waistband and a fly; a bag a flap with a clasp; a shoe its sole; a sandal
    from above the strap between the toes.

    Args:
        grid: (N, 2, H, W), coordinates in the garment's own image, x then y in [−1, 1].
        bottom: (N, 1, 1, 1), how far below the top of the image the garment ends.
        labels: int64 (N,).
        soles: bool (N, 1, 1, 1), soles seen from above, toes up; only they have a strap.
        pairs: bool (N, 1, 1, 1), soles of which there are two.
        random: with `SEAM_DRAWS`.

    Returns:
        (N, MOST_LINES, H, W): what is zero on the lines, and bool, where they are drawn.
    """
    x, y = grid.split(1, 1)
    across, from_top, x2 = x.abs(), y + 1, x.square()
    everywhere = constant(True, x.device, torch.bool).expand_as(x)
    front = x - random["middle"]
    below = from_top - random["opening"]
    near = across < 0.35
    opening = (below > 0) & near
    beside_pocket = across - 0.3
    pocket = torch.addcmul(y - random["pocket"], random["pocket slope"], beside_pocket)
    around_neck, under_neck = x / random["neck width"], from_top / random["neck depth"]
    flap = torch.addcmul(y - random["flap"], random["flap curve"], x2)
    below_toe = y - random["toe"]
    beside_toe = torch.add(across, pairs, alpha=-0.5).abs()
    lines = {  # what is zero on them, and where they are drawn
        "front": (front, opening),
        # From 0.3 beside the middle at the top.
        "lapel": (torch.add(across * random["opening"], below, alpha=0.3), near ^ opening),
        "buttons": (front - 0.08, opening & (below % random["button distance"] < 0.06)),
        "pocket": (pocket, beside_pocket.abs() < 0.13),
        "hem": (from_top - (bottom - random["hem"]), everywhere),
        "neck": (torch.addcmul(around_neck.square(), under_neck, under_neck) - 1, everywhere),
        "waist": (y - random["waist"], everywhere),
        "fly": (front, y < -0.4),
        "flap": (flap, everywhere),
        "clasp": (torch.addcmul(x2 - 0.06**2, flap, flap), everywhere),
        "strap": (
            torch.addcmul(beside_toe, random["strap slope"], below_toe, value=-1),
            (below_toe > 0) & soles,
        ),
    }
    values, inside = (torch.cat(parts, 1) for parts in zip(*map(lines.get, LINES), strict=True))
    # No label has as many lines as there are: each image gets its own.
    own = constant(OWN_LINES, labels.device, torch.long)[labels][..., None, None]
    own = own.expand(-1, -1, *grid.shape[2:])
    drawn = torch.cat([random[f"line {number}"] for number in range(MOST_LINES)], 1)
    return values.gather(1, own), inside.gather(1, own) & drawn
