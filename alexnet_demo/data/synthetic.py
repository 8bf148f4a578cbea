"""The same Fashion-MNIST pictures as people would draw or photograph them.

Fashion-MNIST knows garments only cut out, on black, tone in tone. `as_drawings` makes line
drawings of them and `as_photos` snapshots, whole batches at once, on the training's device. What
comes out is what `preprocess` makes of real drawings and photos, so that the network meets in
training what it will be asked later.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

from alexnet_demo.data.batch_random import (
    BAG,
    DRESS,
    SANDAL,
    SHOES,
    SNEAKER,
    TOPS,
    TROUSER,
    BatchRandom,
    expand_n2,
    expand_nchw,
    one_of,
)
from alexnet_demo.data.pen_strokes import blur, edges, line, seams, strays
from alexnet_demo.data.warp import RandomWarp, WarpRanges, framed, points, sample
from alexnet_demo.images import redraw

SIDE = 28  # of a Fashion-MNIST picture, pixels

DRAWN = WarpRanges(
    turn=12, stretch=0.3, shear=0.2, tilt=0.2, spread=0.4, wobble=0.03, sleeves=90, shortened=0.5
)
SEEN = WarpRanges(
    turn=18, stretch=0.15, shear=0.12, tilt=0.25, wobble=0.015, sleeves=60, shortened=0.4
)


# ------------------------------------------------------------------ the garment itself


def silhouettes(images: Tensor, labels: Tensor) -> Tensor:
    """Where the garment is: float (N, 1, 28, 28) in {0, 1} from grey in [0, 1].

    Holes that a white print leaves are closed, but not the gaps of trousers and sandals.
    """
    seen = (images > 0.06).float()
    grown = max_pool2d(seen, 3, stride=1, padding=1)
    closed = -max_pool2d(-grown, 3, stride=1, padding=1)
    return torch.where(expand_nchw(one_of(labels, (TROUSER, SANDAL))), seen, closed)


def bent(
    labels: Tensor, bend: WarpRanges, dice: BatchRandom, lying: float, taller: float = 0.0
) -> RandomWarp:
    """Bends that suit the garments: sleeves are raised, legs spread.

    A share ``lying`` of the shoes points any way, as shoes seen from above do. Sneakers become
    higher by a factor of up to exp(``taller``), and trousers wider: so people draw them.
    """
    any_way = one_of(labels, SHOES) & dice.chance(lying)
    turns = torch.where(any_way, dice.uniform(-100, 100), 0.0)
    sleeved, legged = one_of(labels, TOPS), labels == TROUSER
    higher = dice.uniform(0, taller) * ((labels == SNEAKER).float() - (labels == TROUSER).float())
    return RandomWarp(dice.count, bend, dice.generator, turns, sleeved, legged, higher)


def handles(
    grey: Tensor, masks: Tensor, labels: Tensor, dice: BatchRandom
) -> tuple[Tensor, Tensor]:
    """Most bags with a handle above them, which catalogues lay flat or leave out.

    What a handle encloses is open, or part of the outline as in a quick drawing, and then dark
    above a light upper edge of the bag, so that a line between them is drawn.
    """
    width, height = dice.uniform(0.25, 0.7), dice.uniform(0.4, 1.2)
    here = points(SIDE, dice.device).expand(dice.count, -1, -1, -1)
    # The bag becomes smaller and moves down; the frame fits all of it anyway.
    top = expand_nchw(torch.where(masks.amax(3)[:, 0] > 0, here[..., 0, 1], 1.0).amin(1))
    squeezed = here[..., 1:] * 1.8 - 0.8
    both = sample(torch.cat([grey, masks], 1), torch.cat([here[..., :1] * 1.3, squeezed], -1))
    edge = (top + 0.8) / 1.8
    x, y = here[..., 0][:, None], here[..., 1][:, None]
    tall = expand_nchw(height).minimum(edge + 0.95).clamp(min=0.1)
    arc = ((x / expand_nchw(width)).square() + ((y - edge) / tall).square()).sqrt()
    ring = ((arc - 1).abs() * expand_nchw(width).minimum(tall) < 0.07) & (y < edge + 0.1)
    dome = expand_nchw(dice.chance(0.5))
    handle = torch.where(dome, (arc < 1) & (y < edge + 0.1), ring)
    chosen = expand_nchw((labels == BAG) & dice.chance(0.65))
    tone = torch.where(dome, torch.where(y > edge, 1.0, 0.0), 0.6)
    return (
        torch.where(chosen, both[:, :1].maximum(tone * handle), grey),
        torch.where(chosen, (both[:, 1:] > 0.5).float().maximum(handle.float()), masks),
    )


def from_above(
    grey: Tensor, masks: Tensor, labels: Tensor, dice: BatchRandom
) -> tuple[Tensor, Tensor, Tensor]:
    """Most flat sandals as people draw them: soles seen from above, toes up, one or a pair.

    Returns:
        Grey pictures and masks like those given, and how many soles each shows, int64 (N,).
    """
    closed = -max_pool2d(-max_pool2d(pad(masks, [6] * 4), 13, stride=1), 13, stride=1, padding=6)
    flat = masks.amax(3)[:, 0].sum(1) < SIDE / 2
    chosen = (labels == SANDAL) & flat & dice.chance(0.85)
    sole = closed.rot90(-1, (2, 3))
    half = sole[..., SIDE // 4 : -SIDE // 4]
    two = dice.chance(0.5)
    soles = torch.where(expand_nchw(two), torch.cat([half, half.flip(3)], 3), sole)
    return (
        torch.where(expand_nchw(chosen), 0.6 * soles, grey),
        torch.where(expand_nchw(chosen), soles, masks),
        torch.where(chosen, 1 + two.long(), 0),
    )


# ------------------------------------------------------------------ drawings


def as_drawings(
    images: Tensor, labels: Tensor, generator: torch.Generator, side: int | None = None
) -> Tensor:
    """Line drawings of garments: bent, outlined, with inner edges, and shaded inside or not.

    The pen is about as wide as `preprocess` makes every pen.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,); sleeves are raised on tops and shoes are turned.
        generator: on the device of ``images``.
        side: of the drawings, pixels; `linework.SKETCH_SIDE` where it is not given.

    Returns:
        uint8 (N, side, side), light strokes on black.
    """
    side = side or redraw.SKETCH_SIDE
    dice = BatchRandom(len(images), generator)
    grey = images[:, None].float() / 255
    grey, masks = handles(grey, silhouettes(grey, labels), labels, dice)
    grey, masks, soles = from_above(grey, masks, labels, dice)
    bottom = (masks.amax(3)[:, 0].cumsum(1).argmax(1) + 1) * 2 / SIDE - 1
    warp = bent(labels, DRAWN, dice, lying=0.1, taller=0.8)
    where = framed(masks, warp, side, dice.uniform(0.88, 1.0))
    scale = side / SIDE
    inner = (blur(masks, 1) > 0.97).float()
    inside, tone = sample(torch.cat([inner, blur(grey, 1)], 1), where).split(1, dim=1)
    # Means of four pixels lie on their corners: one more than pixels, on the same square.
    soft = avg_pool2d(pad(masks, [1] * 4), 2, stride=1)
    body = sample(soft, where * (SIDE / (SIDE + 1)))
    body = blur(body, max(1, round(scale / 2)))
    pen = expand_nchw(scale * dice.uniform(0.9, 1.9))
    ink = line(body - 0.45 - 0.05 * dice.smooth_noise(7, side), pen)
    again = line(body - 0.45 + 0.3 * dice.smooth_noise(4, side), 0.8 * pen) * (body > 0.02)
    ink = ink.maximum(again * expand_nchw(dice.chance(0.2)))
    ink = ink.maximum(edges(tone, scale, pen, dice) * (inside > 0.5))
    ink = ink.maximum(seams(where, bottom, labels, soles, pen, dice) * (body > 0.5))
    ink = ink * (dice.smooth_noise(7, side) > -expand_nchw(dice.uniform(1.6, 6.0)))  # gaps
    ink = ink.maximum(strays(side, pen, dice) * expand_nchw(dice.chance(0.08)))
    ink = ink * expand_nchw(dice.uniform(0.75, 1.0))
    return (shaded(ink, body, inside, dice)[:, 0] * 255).to(torch.uint8)


def shaded(ink: Tensor, body: Tensor, inner: Tensor, dice: BatchRandom) -> Tensor:
    """Drawings with their inside as people and `preprocess` leave it: shaded, empty, filled.

    Returns:
        float (N, 1, H, W) in [0, 1].
    """
    way = expand_nchw(dice.uniform())
    level = torch.full_like(way, redraw.SHADE / 255)
    level = torch.where(way < 0.34, 0.0, level)  # left open: nothing to shade
    level = torch.where(way > 0.88, expand_nchw(dice.uniform(0.3, 1.0)), level)  # filled by hand
    hatch = dice.smooth_noise(24, ink.shape[-1]) > 0.3
    level = torch.where(way > 0.97, hatch * level, level)
    patchy = torch.where(
        expand_nchw(dice.chance(0.1)), dice.smooth_noise(3, ink.shape[-1]) > 0, True
    )
    inside = ((body - 0.5) * 6 + 0.5).clamp(0, 1) * level * patchy
    # An icon's glyph: solid, its inner lines left out in the ground's colour.
    solid = expand_nchw(dice.chance(0.06))
    glyph = ((body - 0.45) * 6 + 0.5).clamp(0, 1) * (1 - 0.9 * ink * (inner > 0.5))
    return torch.where(solid, glyph, ink.maximum(inside))


# ------------------------------------------------------------------ photos


def as_photos(images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Snapshots of garments: bent, lit, worn or in pairs, cut out badly or on some ground.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,).
        generator: on the device of ``images``.

    Returns:
        uint8 (N, 28, 28), light and dark as `preprocess` leaves them.
    """
    side = 2 * SIDE
    dice = BatchRandom(len(images), generator)
    grey = images[:, None].float() / 255
    masks = silhouettes(grey, labels)
    grey, masks = pairs(grey, masks, labels, dice)
    cut = expand_nchw(dice.chance(0.65))
    warp = bent(labels, SEEN, dice, lying=0.35)
    whole = cut[:, 0, 0, 0] & dice.chance(0.6)
    fill = torch.where(whole, 1.0, dice.uniform(0.6, 1.05))
    where = framed(masks, warp, side, fill)
    off = torch.where(cut[:, 0, 0], 0.0, dice.uniform(-0.15, 0.15, 2))
    cloth, body = sample(torch.cat([grey, masks], 1), where + expand_n2(off)).split(1, dim=1)
    cloth = lit(retoned(cloth, dice), dice)
    other = grounds(grey, side, dice)
    # A wearer or hanger stays with the garment when it is cut out.
    scene = worn(other, labels, where + expand_n2(off), cut, dice)
    ragged = (
        body + 0.18 * dice.smooth_noise(6, side) * expand_nchw(dice.chance(0.5)) > 0.5
    ).float()
    body = torch.where(cut, ragged, body)
    picture = cloth * body + scene * (1 - body)
    picture = blurred_and_noisy(picture, dice) * torch.where(cut, (picture > 0.02).float(), 1.0)
    picture = torch.where(~cut & expand_nchw(dice.chance(0.25)), 1 - picture, picture)
    return (avg_pool2d(picture, 2)[:, 0].clamp(0, 1) * 255).to(torch.uint8)


def pairs(grey: Tensor, masks: Tensor, labels: Tensor, dice: BatchRandom) -> tuple[Tensor, Tensor]:
    """Shoes, often, as two: one behind the other, side by side, or side by side from above."""
    two = expand_nchw(one_of(labels, SHOES) & dice.chance(0.6))
    abreast = expand_nchw(dice.chance(0.5))
    aside, up = dice.uniform(-5, 5), dice.uniform(3, 13)
    both = torch.cat([grey, masks], 1)
    offset = torch.stack([-aside, up], 1).round() * 2 / SIDE
    moved = sample(both, points(SIDE, dice.device) + expand_n2(offset))
    behind = torch.where(both[:, 1:] > 0.5, both, moved * 0.85)
    behind[:, 1:] = both[:, 1:].maximum(moved[:, 1:])
    narrow = interpolate(both, size=(SIDE, SIDE // 2), mode="bilinear", align_corners=False)
    beside = torch.cat([narrow, narrow.flip(3)], 3)
    upright = both.rot90(1, (2, 3))[..., SIDE // 4 : -SIDE // 4]
    above = torch.cat([upright, upright.flip(3)], 3)
    low = expand_nchw(one_of(labels, (SANDAL, SNEAKER)) & dice.chance(0.6))
    pair = torch.where(abreast, torch.where(low, above, beside), behind)
    return torch.where(two, pair, both).split(1, dim=1)


def retoned(cloth: Tensor, dice: BatchRandom) -> Tensor:
    """Cloth of another colour: its contrast changed or reversed, around another grey."""
    gain = dice.uniform(0.4, 1.2) * torch.where(dice.chance(0.25), -1.0, 1.0)
    middle = dice.uniform(0.45, 0.95)
    return ((cloth - 0.5) * expand_nchw(gain) + expand_nchw(middle)).clamp(0.2, 1)


def lit(pictures: Tensor, dice: BatchRandom) -> Tensor:
    """Light from one side, and folds."""
    side = pictures.shape[-1]
    way = expand_n2(dice.uniform(-0.25, 0.25, 2))
    light = 1 + (points(side, dice.device) * way).sum(-1)[:, None]
    folds = dice.smooth_noise(7, side) * expand_nchw(dice.uniform(0, 0.1))
    return (pictures * light + folds).clamp(0.08, 1)


def grounds(grey: Tensor, side: int, dice: BatchRandom) -> Tensor:
    """What garments lie on or hang before: plain, planks, tiles, carpet, crumpled cloth, things.

    Returns:
        float (N, 1, side, side) in [0, 1].
    """
    here = points(side, dice.device)
    angle = dice.uniform(0, math.pi)
    way = torch.stack([angle.cos(), angle.sin()], 1)
    across = (here * expand_n2(way)).sum(-1)[:, None]
    along = (here * expand_n2(way.flip(1) * torch.tensor([-1.0, 1.0], device=dice.device))).sum(-1)
    count = expand_nchw(dice.uniform(1.5, 7))
    stripes = (((across * count) % 1) < expand_nchw(dice.uniform(0.05, 0.5))).float()
    seams = (((along[:, None] * count) % 1) < 0.08).float() * expand_nchw(dice.chance(0.5))
    lines = stripes.maximum(seams) * expand_nchw(dice.uniform(-0.25, 0.25) * dice.chance(0.5))
    fine = dice.smooth_noise(28, side) * expand_nchw(dice.uniform(0, 0.06))
    coarse = dice.smooth_noise(4, side) * expand_nchw(dice.uniform(0, 0.12))
    # Patches of other pictures, enlarged: edges and folds of cloth.
    patch = interpolate(
        grey.roll(1, 0)[:, :, 6:22, 6:22], size=(side, side), mode="bilinear", align_corners=False
    )
    things = (patch - 0.5) * expand_nchw(dice.uniform(0, 0.7) * dice.chance(0.3))
    level = dice.uniform() ** 1.5 * 0.8  # darker than the garment, mostly: polarity sees to it
    return (expand_nchw(level) + lines + fine + coarse + things).clamp(0, 1)


def worn(ground: Tensor, labels: Tensor, where: Tensor, cut: Tensor, dice: BatchRandom) -> Tensor:
    """What is around the garment: the ground, black where it was cut out, or the one who wears it.

    Head, neck and arms of a wearer, their trousers below a top, a top above trousers, legs below
    a dress or in a shoe, placed where the garment's own picture has its collar, hem and sleeves.
    """
    x, y = where[..., 0][:, None], where[..., 1][:, None]
    dressed = one_of(labels, TOPS) | (labels == DRESS)
    top = torch.full_like(x, -0.95)
    skin, legs = expand_nchw(dice.uniform(0.2, 0.85)), expand_nchw(dice.uniform(0.15, 1.0))
    head = ((x / 0.24).square() + ((y - top + 0.42) / 0.32).square() < 1) | (
        (x.abs() < 0.12) & (y < top + 0.15) & (y > top - 0.3)
    )
    arms = (
        ((x.abs() - 0.55).abs() < 0.09) & (y > -0.5) & (y < 0.7 + expand_nchw(dice.uniform(0, 0.4)))
    )
    long_legs = (x.abs() < 0.42) & (x.abs() > 0.04) & (y > 0.6)
    bare_legs = ((x.abs() - 0.17).abs() < 0.1) & (y > 0.6)
    trunk = (x.abs() < 0.45) & (y < -0.7)
    feet = ((x.abs() - 0.25).abs() < 0.16) & (y > 0.85) & (y < 1.15)
    ankle = ((x + 0.35).abs() < 0.25) & (y < 0.0)
    flesh = dressed & dice.chance(0.35)
    shod = (labels == TROUSER) & dice.chance(0.5)
    shoe = one_of(labels, SHOES) & dice.chance(0.15)
    scene = torch.where(cut, 0.0, ground)
    scene = torch.where(expand_nchw(flesh) & (head | arms), skin, scene)
    tops = one_of(labels, TOPS)
    scene = torch.where(expand_nchw(flesh & tops) & long_legs, legs, scene)
    scene = torch.where(expand_nchw(flesh & ~tops) & bare_legs, skin, scene)
    scene = torch.where(expand_nchw(shod) & trunk, legs, scene)
    scene = torch.where(expand_nchw(shod) & feet, skin, scene)
    return torch.where(expand_nchw(shoe) & ankle, skin, scene)


def blurred_and_noisy(pictures: Tensor, dice: BatchRandom) -> Tensor:
    """As a small or shaky camera leaves them."""
    soft = expand_nchw(dice.chance(0.3))
    pictures = torch.where(soft, blur(pictures, 1), pictures)
    noise = torch.randn(pictures.shape, generator=dice.generator, device=dice.device)
    return pictures + noise * expand_nchw(dice.uniform(0, 0.06))
