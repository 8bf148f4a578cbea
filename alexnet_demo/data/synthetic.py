"""Fashion-MNIST garments as people would draw or photograph them.

Fashion-MNIST shows garments only cut out, on black, in smooth tones. `as_drawings` makes line
drawings of them and `as_photos` snapshots, whole batches at once, on the training device. They look
like what `images.prepare` makes of real drawings and photos, which the network is to classify
later. Each function below is one augmentation; the order in which random numbers are drawn is part
of what a seed means.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

from alexnet_demo.data.batch_random import SHOES, TOPS, BatchRandom, Label, expand_nchw, one_of
from alexnet_demo.data.pen_strokes import (
    box_blur,
    garment_seams,
    inner_edges,
    stray_strokes,
    zero_crossings,
)
from alexnet_demo.data.warp import RandomWarp, WarpRanges, framing_grid, pixel_grid, sample
from alexnet_demo.images import redraw

SIDE = 28  # of a Fashion-MNIST image, pixels
QUARTER = slice(SIDE // 4, -SIDE // 4)  # the middle half of a side

DRAWING_WARP = WarpRanges(
    turn=12, stretch=0.3, shear=0.2, tilt=0.2, spread=0.4, wobble=0.03, sleeves=90, shortened=0.5
)
PHOTO_WARP = WarpRanges(
    turn=18, stretch=0.15, shear=0.12, tilt=0.25, wobble=0.015, sleeves=60, shortened=0.4
)


def with_silhouettes(images: Tensor, labels: Tensor) -> Tensor:
    """Gray levels in [0, 1] and the garments' masks in {0, 1}, float (N, 2, 28, 28), from uint8.

    In the masks, holes that a white print leaves are closed, but not the gaps of trousers and
    sandals. The functions below that take ``garments`` take and return them in this form.
    """
    gray = images[:, None].float() / 255
    mask = (gray > 0.06).float()
    dilated = max_pool2d(mask, 3, stride=1, padding=1)
    closed = -max_pool2d(-dilated, 3, stride=1, padding=1)
    masks = torch.where(expand_nchw(one_of(labels, (Label.TROUSER, Label.SANDAL))), mask, closed)
    return torch.cat([gray, masks], 1)


def garment_warp(
    labels: Tensor, ranges: WarpRanges, random: BatchRandom, turned: float, taller: float = 0.0
) -> RandomWarp:
    """Warps that suit the garments: sleeves are raised, legs spread.

    A share ``turned`` of the shoes points in any direction, as shoes seen from above do. Sneakers
    become higher by a factor of up to exp(``taller``), and trousers wider, as people draw them.
    """
    any_direction = one_of(labels, SHOES) & random.chance(turned)
    turns = torch.where(any_direction, random.uniform(-100, 100), 0.0)
    trousers = labels == Label.TROUSER
    higher = random.uniform(0, taller) * ((labels == Label.SNEAKER).float() - trousers.float())
    return RandomWarp(ranges, random, turns, one_of(labels, TOPS), trousers, higher)


def add_handles(garments: Tensor, labels: Tensor, random: BatchRandom) -> Tensor:
    """Add a handle above most bags, which catalogs lay flat or leave out.

    The area under a handle is open, or part of the outline as in a quick drawing, and then dark
    above a light upper edge of the bag, so that a line between them is drawn.
    """
    width, height = random.uniform_nchw(0.25, 0.7), random.uniform_nchw(0.4, 1.2)
    grid = pixel_grid(SIDE, random.device).expand(random.count, -1, -1, -1)
    # The bag becomes smaller and moves down; the frame fits all of it anyway.
    top = expand_nchw(torch.where(garments[:, 1].amax(2) > 0, grid[..., 0, 1], 1.0).amin(1))
    smaller = torch.cat([grid[..., :1] * 1.3, grid[..., 1:] * 1.8 - 0.8], -1)
    gray, masks = sample(garments, smaller).split(1, dim=1)
    edge = (top + 0.8) / 1.8
    x, y = grid[..., 0][:, None], grid[..., 1][:, None]
    tall = height.minimum(edge + 0.95).clamp(min=0.1)
    radius = ((x / width).square() + ((y - edge) / tall).square()).sqrt()
    above = y < edge + 0.1
    ring = ((radius - 1).abs() * width.minimum(tall) < 0.07) & above
    filled = random.chance_nchw(0.5)
    handle = torch.where(filled, (radius < 1) & above, ring)
    chosen = expand_nchw((labels == Label.BAG) & random.chance(0.65))
    shade = torch.where(filled, torch.where(y > edge, 1.0, 0.0), 0.6)
    gray, masks = gray.maximum(shade * handle), (masks > 0.5).float().maximum(handle.float())
    return torch.where(chosen, torch.cat([gray, masks], 1), garments)


def sandals_from_above(
    garments: Tensor, labels: Tensor, random: BatchRandom
) -> tuple[Tensor, Tensor]:
    """Most flat sandals as people draw them: soles seen from above, toes up, one or a pair.

    Returns:
        The garments, and how many soles each image shows, int64 (N,).
    """
    masks = garments[:, 1:]
    closed = -max_pool2d(-max_pool2d(pad(masks, [6] * 4), 13, stride=1), 13, stride=1, padding=6)
    flat = masks.amax(3)[:, 0].sum(1) < SIDE / 2
    chosen = (labels == Label.SANDAL) & flat & random.chance(0.85)
    sole = closed.rot90(-1, (2, 3))
    pair = random.chance(0.5)
    soles = torch.where(expand_nchw(pair), _mirrored_pair(sole[..., QUARTER]), sole)
    garments = torch.where(expand_nchw(chosen), torch.cat([0.6 * soles, soles], 1), garments)
    return garments, torch.where(chosen, 1 + pair.long(), 0)


def _mirrored_pair(half: Tensor) -> Tensor:
    """(N, C, H, W) → (N, C, H, 2W), with its mirror image on the right."""
    return torch.cat([half, half.flip(3)], 3)


def as_drawings(
    images: Tensor, labels: Tensor, generator: torch.Generator, side: int | None = None
) -> Tensor:
    """Line drawings of garments: warped, outlined, with inner edges, and shaded inside or not.

    The pen is about as wide as the standard pen of `images.redraw`.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,), which decide what is changed.
        generator: on the device of ``images``.
        side: of the drawings, pixels; `redraw.SKETCH_SIDE` if None.

    Returns:
        uint8 (N, side, side), light strokes on black.
    """
    side = side or redraw.SKETCH_SIDE
    scale = side / SIDE
    random = BatchRandom(len(images), generator)
    garments = add_handles(with_silhouettes(images, labels), labels, random)
    garments, soles = sandals_from_above(garments, labels, random)
    gray, masks = garments.split(1, dim=1)
    bottom = (masks.amax(3)[:, 0].cumsum(1).argmax(1) + 1) * 2 / SIDE - 1
    warp = garment_warp(labels, DRAWING_WARP, random, turned=0.1, taller=0.8)
    grid = framing_grid(masks, warp, side, random.uniform(0.88, 1.0))
    inner = (box_blur(masks, 1) > 0.97).float()
    inner, shade = sample(torch.cat([inner, box_blur(gray, 1)], 1), grid).split(1, dim=1)
    # Means of four pixels are at their corners: one more than pixels, on the same square.
    corners = avg_pool2d(pad(masks, [1] * 4), 2, stride=1)
    body = sample(corners, grid * (SIDE / (SIDE + 1)))
    body = box_blur(body, max(1, round(scale / 2)))

    pen = scale * random.uniform_nchw(0.9, 1.9)
    ink = zero_crossings(body - 0.45 - 0.05 * random.smooth_noise(7, side), pen)
    retraced = zero_crossings(body - 0.45 + 0.3 * random.smooth_noise(4, side), 0.8 * pen)
    ink = ink.maximum(retraced * (body > 0.02) * random.chance_nchw(0.2))
    ink = ink.maximum(inner_edges(shade, scale, pen, random) * (inner > 0.5))
    ink = ink.maximum(garment_seams(grid, bottom, labels, soles, pen, random) * (body > 0.5))
    ink = ink * (random.smooth_noise(7, side) > -random.uniform_nchw(1.6, 6.0))  # with gaps
    ink = ink.maximum(stray_strokes(side, pen, random) * random.chance_nchw(0.08))
    ink = ink * random.uniform_nchw(0.75, 1.0)
    return (add_shading(ink, body, inner, random)[:, 0] * 255).to(torch.uint8)


def add_shading(ink: Tensor, body: Tensor, inner: Tensor, random: BatchRandom) -> Tensor:
    """Shade the inside of drawings as people and `images.redraw` do: flat, not at all, by hand.

    Returns:
        float (N, 1, H, W) in [0, 1].
    """
    side = ink.shape[-1]
    style = random.uniform_nchw(0, 1)
    level = torch.full_like(style, redraw.SHADE / 255)
    level = torch.where(style < 0.34, 0.0, level)  # left empty
    level = torch.where(style > 0.88, random.uniform_nchw(0.3, 1.0), level)  # filled by hand
    hatching = random.smooth_noise(24, side) > 0.3
    level = torch.where(style > 0.97, hatching * level, level)
    patchy = random.chance_nchw(0.1)
    level = level * torch.where(patchy, random.smooth_noise(3, side) > 0, True)
    inside = ((body - 0.5) * 6 + 0.5).clamp(0, 1) * level
    # An icon's glyph: solid, with its inner lines left out in the background's color.
    solid = random.chance_nchw(0.06)
    glyph = ((body - 0.45) * 6 + 0.5).clamp(0, 1) * (1 - 0.9 * ink * (inner > 0.5))
    return torch.where(solid, glyph, ink.maximum(inside))


def as_photos(images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Snapshots of garments: warped, lit, worn or in pairs, cut out badly or on some background.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,), which decide what is changed.
        generator: on the device of ``images``.

    Returns:
        uint8 (N, 28, 28), with the polarity that `images.prepare` leaves.
    """
    side = 2 * SIDE
    random = BatchRandom(len(images), generator)
    garments = pair_shoes(with_silhouettes(images, labels), labels, random)
    cut_out = random.chance(0.65)
    warp = garment_warp(labels, PHOTO_WARP, random, turned=0.35)
    whole = cut_out & random.chance(0.6)
    fill = torch.where(whole, 1.0, random.uniform(0.6, 1.05))
    grid = framing_grid(garments[:, 1:], warp, side, fill)
    cut_out = expand_nchw(cut_out)
    grid = grid + torch.where(cut_out, 0.0, random.uniform(-0.15, 0.15, 1, 1, 2))
    cloth, body = sample(garments, grid).split(1, dim=1)
    cloth = add_lighting(change_contrast(cloth, random), random)
    background = random_backgrounds(garments[:, :1], side, random)
    # A person or hanger stays with the garment when it is cut out.
    scene = add_person(torch.where(cut_out, 0.0, background), labels, grid, random)
    ragged = body + 0.18 * random.smooth_noise(6, side) * random.chance_nchw(0.5) > 0.5
    body = torch.where(cut_out, ragged.float(), body)
    clean = cloth * body + scene * (1 - body)
    noisy = add_blur_and_noise(clean, random)
    photo = noisy * torch.where(cut_out, (clean > 0.02).float(), 1.0)
    photo = torch.where(~cut_out & random.chance_nchw(0.25), 1 - photo, photo)
    return (avg_pool2d(photo, 2)[:, 0].clamp(0, 1) * 255).to(torch.uint8)


def pair_shoes(garments: Tensor, labels: Tensor, random: BatchRandom) -> Tensor:
    """Many shoes as a pair: one behind the other, side by side, or side by side from above."""
    two = expand_nchw(one_of(labels, SHOES) & random.chance(0.6))
    side_by_side = random.chance_nchw(0.5)
    aside, up = random.uniform(-5, 5), random.uniform(3, 13)
    offset = torch.stack([-aside, up], 1).round() * 2 / SIDE
    moved = sample(garments, pixel_grid(SIDE, random.device) + offset[:, None, None])
    behind = torch.where(garments[:, 1:] > 0.5, garments, moved * 0.85)
    behind[:, 1:] = garments[:, 1:].maximum(moved[:, 1:])
    narrow = interpolate(garments, size=(SIDE, SIDE // 2), mode="bilinear", align_corners=False)
    from_above = _mirrored_pair(garments.rot90(1, (2, 3))[..., QUARTER])
    low = expand_nchw(one_of(labels, (Label.SANDAL, Label.SNEAKER)) & random.chance(0.6))
    beside = torch.where(low, from_above, _mirrored_pair(narrow))
    return torch.where(two, torch.where(side_by_side, beside, behind), garments)


def change_contrast(cloth: Tensor, random: BatchRandom) -> Tensor:
    """Cloth of another color: its contrast scaled or reversed, around another gray level."""
    gain = random.uniform(0.4, 1.2) * torch.where(random.chance(0.25), -1.0, 1.0)
    return ((cloth - 0.5) * expand_nchw(gain) + random.uniform_nchw(0.45, 0.95)).clamp(0.2, 1)


def add_lighting(images: Tensor, random: BatchRandom) -> Tensor:
    """Light from one side, and folds."""
    side = images.shape[-1]
    direction = random.uniform(-0.25, 0.25, 1, 1, 2)
    light = 1 + (pixel_grid(side, random.device) * direction).sum(-1)[:, None]
    folds = random.smooth_noise(7, side) * random.uniform_nchw(0, 0.1)
    return (images * light + folds).clamp(0.08, 1)


def random_backgrounds(gray: Tensor, side: int, random: BatchRandom) -> Tensor:
    """Plain surfaces, planks, tiles, carpet, crumpled cloth, and patches of other images.

    Returns:
        float (N, 1, side, side) in [0, 1].
    """
    x, y = pixel_grid(side, random.device).unbind(-1)
    angle = random.uniform_nchw(0, math.pi)
    across, along = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    count = random.uniform_nchw(1.5, 7)
    planks = ((across * count) % 1 < random.uniform_nchw(0.05, 0.5)).float()
    joints = ((along * count) % 1 < 0.08).float() * random.chance_nchw(0.5)
    depth = expand_nchw(random.uniform(-0.25, 0.25) * random.chance(0.5))
    lines = planks.maximum(joints) * depth
    fine = random.smooth_noise(28, side) * random.uniform_nchw(0, 0.06)
    coarse = random.smooth_noise(4, side) * random.uniform_nchw(0, 0.12)
    # Enlarged patches of other images look like edges and folds of cloth.
    patch = gray.roll(1, 0)[:, :, 6:22, 6:22]
    patch = interpolate(patch, size=(side, side), mode="bilinear", align_corners=False)
    things = (patch - 0.5) * expand_nchw(random.uniform(0, 0.7) * random.chance(0.3))
    # Mostly darker than the garment, as after `images.prepare` has set the polarity.
    level = expand_nchw(random.uniform() ** 1.5 * 0.8)
    return (level + lines + fine + coarse + things).clamp(0, 1)


def add_person(scene: Tensor, labels: Tensor, grid: Tensor, random: BatchRandom) -> Tensor:
    """Some garments worn, by a person around them, where the garment's own image has its edges.

    Head, neck, and arms, legs or trousers below a top or dress, a top above trousers, a leg in a
    shoe.
    """
    x, y = grid[..., 0][:, None], grid[..., 1][:, None]
    across = x.abs()
    skin, other_garment = random.uniform_nchw(0.2, 0.85), random.uniform_nchw(0.15, 1.0)

    def stripe(values: Tensor, center: float, half_width: float) -> Tensor:
        return (values - center).abs() < half_width

    collar = -0.95
    face = (x / 0.24).square() + ((y - collar + 0.42) / 0.32).square() < 1
    neck = (across < 0.12) & (y < collar + 0.15) & (y > collar - 0.3)
    arms = stripe(across, 0.55, 0.09) & (y > -0.5) & (y < 0.7 + random.uniform_nchw(0, 0.4))
    trousers = (across < 0.42) & (across > 0.04) & (y > 0.6)
    bare_legs = stripe(across, 0.17, 0.1) & (y > 0.6)
    torso = (across < 0.45) & (y < -0.7)
    feet = stripe(across, 0.25, 0.16) & (y > 0.85) & (y < 1.15)
    ankle = stripe(x, -0.35, 0.25) & (y < 0.0)
    tops = one_of(labels, TOPS)
    upper = (tops | (labels == Label.DRESS)) & random.chance(0.35)
    lower = (labels == Label.TROUSER) & random.chance(0.5)
    shoe = one_of(labels, SHOES) & random.chance(0.15)
    for worn, region, shade in (
        (upper, face | neck | arms, skin),
        (upper & tops, trousers, other_garment),
        (upper & ~tops, bare_legs, skin),
        (lower, torso, other_garment),
        (lower, feet, skin),
        (shoe, ankle, skin),
    ):
        scene = torch.where(expand_nchw(worn) & region, shade, scene)
    return scene


def add_blur_and_noise(images: Tensor, random: BatchRandom) -> Tensor:
    """Blur and noise as of a small or shaky camera."""
    images = torch.where(random.chance_nchw(0.3), box_blur(images, 1), images)
    noise = random.normal(*images.shape[1:])
    return images + noise * random.uniform_nchw(0, 0.06)
