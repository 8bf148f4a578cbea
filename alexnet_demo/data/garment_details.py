"""What people draw on tops and dresses: necklines, fronts, pockets, prints.

Each detail is a function of the drawing and of the garment's `Cut`. The wearer's neck is at (0, 0),
y points down, and the chest is about 1 wide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alexnet_demo.data.line_art import LineArt

Point = tuple[float, float]


@dataclass(frozen=True)
class Cut:
    """A garment's measures; widths are from the middle to the right.

    Attributes:
        neck: width of the neckline.
        neck_depth: how far the neckline comes down.
        shoulder: width of the shoulders.
        slope: how much lower the shoulders are than the neck.
        chest: width below the arms.
        armhole: height of a sleeve where it begins.
        sleeve: length of a sleeve; 0 for none.
        cuff: width of a sleeve's end.
        angle: of the sleeves, degrees below the horizontal.
        bend: how far a sleeve bulges outward.
        waist: width at the waist, relative to the chest.
        waist_height: where the waist is, relative to the length.
        hem: width at the bottom, relative to the chest.
        length: from the neck to the bottom.
        sag: how much lower the bottom is in the middle.
    """

    neck: float
    neck_depth: float
    shoulder: float
    slope: float
    chest: float
    armhole: float
    sleeve: float
    cuff: float
    angle: float
    bend: float
    waist: float
    waist_height: float
    hem: float
    length: float
    sag: float


def mirrored(art: LineArt, *points: Point, curved: bool = False) -> None:
    """A stroke on the right, and its mirror image."""
    draw = art.curve if curved else art.line
    draw(*points)
    draw(*((-x, y) for x, y in points))


# Necklines


def round_neck(art: LineArt, cut: Cut) -> None:
    art.curve((-cut.neck, 0), (0, cut.neck_depth), (cut.neck, 0))


def ribbed_neck(art: LineArt, cut: Cut) -> None:
    """Two arcs; or the back of the neckline shows as well."""
    round_neck(art, cut)
    second = cut.neck_depth + 0.1 if art.rng.random() < 0.5 else -0.3 * cut.neck_depth
    round_neck(art, replace(cut, neck_depth=second, neck=cut.neck + 0.06 * (second > 0)))


def v_neck(art: LineArt, cut: Cut) -> None:
    art.line((-cut.neck, 0), (0, 0.15 + 1.2 * cut.neck_depth), (cut.neck, 0))


def straight_neck(art: LineArt, cut: Cut) -> None:
    art.line((-cut.neck, 0), (cut.neck, 0))


def turtleneck(art: LineArt, cut: Cut) -> None:
    height, neck = art.rng.uniform(0.08, 0.25), 0.9 * cut.neck
    art.line((-cut.neck, 0), (-neck, -height), (neck, -height), (cut.neck, 0))
    art.curve((-cut.neck, 0), (0, 0.05), (cut.neck, 0))


def shirt_collar(art: LineArt, cut: Cut) -> None:
    """Two points of cloth that meet in the middle, with or without the stand behind them."""
    neck, tip, low = cut.neck, art.rng.uniform(0.6, 1.2) * cut.neck, art.rng.uniform(0.18, 0.35)
    meet = art.rng.uniform(0.08, 0.18)
    mirrored(art, (0, meet), (neck, -0.03), (tip + 0.06, low - 0.05), (tip * 0.6, low), (0, meet))
    if art.rng.random() < 0.6:
        art.curve((-neck, -0.03), (0, art.rng.uniform(-0.1, 0.0)), (neck, -0.03))


def lapels(art: LineArt, cut: Cut) -> None:
    """A coat's or jacket's collar, folded outward: plain, notched, or as two triangles."""
    neck, width = cut.neck, art.rng.uniform(0.55, 0.95) * cut.chest
    low = art.rng.uniform(0.3, 0.6) * min(cut.length, 1.7)
    high = art.rng.uniform(0.3, 0.6) * low
    notch = (
        [(width * 0.9, high - 0.02), (width * 0.6, high - 0.02)] if art.rng.random() < 0.5 else []
    )
    mirrored(art, (neck, 0), *notch[::-1], (width, high), (0, low))
    if art.rng.random() < 0.75:
        mirrored(art, (neck, 0), (0, low))
    if art.rng.random() < 0.5:
        art.curve((-neck, 0), (0, art.rng.uniform(-0.08, 0.08)), (neck, 0))


def hood(art: LineArt, cut: Cut) -> None:
    """Up, with the face's opening; or lying down behind the neck."""
    wide, high = art.rng.uniform(1.0, 1.7) * cut.neck + 0.06, art.rng.uniform(0.3, 0.75)
    pointed = art.rng.uniform(0.7, 1.0)
    shape = ((-cut.neck, 0.02), (-wide, -0.45 * high), (0, -high), (wide, -0.45 * high))
    art.curve(*((x * pointed if y < -0.1 else x, y) for x, y in shape), (cut.neck, 0.02))
    if art.rng.random() < 0.7:
        inner = art.rng.uniform(0.5, 0.8)
        face = [(x * inner, y * inner) for x, y in shape[1:]]
        art.curve((0, 0.12), *face, (0, 0.12))
    else:
        round_neck(art, cut)


def straps(art: LineArt, cut: Cut) -> None:
    """Two straps above a straight or heart-shaped edge, where a dress has no sleeves."""
    at, height = cut.chest * art.rng.uniform(0.5, 0.9), cut.slope + cut.armhole
    for shift in (0, 0.07)[: art.rng.integers(1, 3)]:
        mirrored(art, (at - shift, height), (at * 0.85 - shift, 0))
    heart = art.rng.uniform(-0.03, 0.12)
    art.curve((-cut.chest, height), (-at, height - heart), (0, height + heart / 2))
    art.curve((0, height + heart / 2), (at, height - heart), (cut.chest, height))


# Fronts


def opening(art: LineArt, cut: Cut) -> None:
    shift = art.rng.normal(0, 0.03)
    art.line((shift, 0.6 * cut.neck_depth), (shift, cut.length))


def placket(art: LineArt, cut: Cut) -> None:
    mirrored(art, (art.rng.uniform(0.04, 0.08), 0.15), (0.06, cut.length))


def open_front(art: LineArt, cut: Cut) -> None:
    """Both fronts apart, with the inside showing."""
    gap = art.rng.uniform(0.08, 0.6) * cut.chest
    mirrored(art, (cut.neck * art.rng.uniform(0.2, 1), 0), (gap, cut.length))


def zip_fastener(art: LineArt, cut: Cut) -> None:
    opening(art, cut)
    for y in np.arange(0.3, cut.length, art.rng.uniform(0.12, 0.2)):
        art.line((-0.05, y), (0.05, y))


def buttons(art: LineArt, cut: Cut, sides: tuple[int, ...] = (1,)) -> None:
    first, last = art.rng.uniform(0.25, 0.6), art.rng.uniform(0.7, 0.95)
    x, radius = art.rng.choice([0, 0.1, 0.16]), art.rng.choice([0, 0, 0.04])
    count = art.rng.integers(2, 7)
    for y in np.linspace(first, last * cut.length, count):
        for side in sides:
            if radius:
                art.ellipse(side * x, y, radius, radius)
            else:
                art.dot(side * x, y)


def two_rows(art: LineArt, cut: Cut) -> None:
    buttons(art, cut, (-1, 1))


def belt(art: LineArt, cut: Cut) -> None:
    y = cut.waist_height * cut.length
    half = cut.chest * cut.waist
    for at in (y, y + art.rng.uniform(0.1, 0.2)):
        art.line((-half, at), (half, at))
    if art.rng.random() < 0.5:
        art.polygon((-0.1, y - 0.03), (0.1, y - 0.03), (0.1, y + 0.2), (-0.1, y + 0.2))


def waist_seam(art: LineArt, cut: Cut) -> None:
    y, half = cut.waist_height * cut.length, cut.chest * cut.waist
    art.curve((-half, y), (0, y + art.rng.uniform(0, 0.1)), (half, y))


def low_pockets(art: LineArt, cut: Cut) -> None:
    x, y = 0.6 * cut.chest, art.rng.uniform(0.55, 0.75) * cut.length
    wide, high = art.rng.uniform(0.08, 0.15), art.rng.uniform(0.05, 0.3)
    style = art.rng.integers(3)
    if style == 0:
        mirrored(
            art,
            (x - wide, y),
            (x + wide, y),
            (x + wide, y + high),
            (x - wide, y + high),
            (x - wide, y),
        )
    else:
        mirrored(art, (x - wide, y + 0.2 * (style == 1)), (x + wide, y))


def chest_pocket(art: LineArt, cut: Cut) -> None:
    x, y, half = 0.5 * cut.chest, art.rng.uniform(0.4, 0.55), art.rng.uniform(0.08, 0.13)
    low = y + art.rng.uniform(0.15, 0.3)
    corners = [(x - half, y), (x + half, y), (x + half, low), (x, low + 0.05), (x - half, low)]
    for side in (1, -1)[: art.rng.integers(1, 3)]:
        art.polygon(*((side * x, y) for x, y in corners))


def kangaroo_pocket(art: LineArt, cut: Cut) -> None:
    top, bottom = art.rng.uniform(0.55, 0.68) * cut.length, art.rng.uniform(0.88, 1) * cut.length
    wide = art.rng.uniform(0.5, 0.8) * cut.chest
    narrow = art.rng.uniform(0.4, 0.9) * wide
    side = (top + bottom) / 2
    art.line(
        (-wide, bottom), (-wide, side), (-narrow, top), (narrow, top), (wide, side), (wide, bottom)
    )
    art.line((-wide, bottom), (wide, bottom))


def drawstrings(art: LineArt, cut: Cut) -> None:
    x, top = art.rng.uniform(0.05, 0.12), 0.5 * cut.neck_depth
    mirrored(art, (x, top), (x + art.rng.normal(0, 0.03), top + art.rng.uniform(0.2, 0.5)))


def chest_print(art: LineArt, cut: Cut) -> None:
    """A shape, a letter, or lines of text on the chest."""
    y, size = art.rng.uniform(0.45, 0.6) * cut.length, art.rng.uniform(0.1, 0.28)
    style = art.rng.integers(5)
    if style == 0:
        art.ellipse(0, y, size, size)
    elif style == 1:  # a star
        angles = np.arange(0, 12, 2) * 2 * np.pi / 5
        art.stroke(np.stack([size * np.sin(angles), y - size * np.cos(angles)], 1))
    elif style == 2:  # a heart
        art.curve(
            (0, y + size),
            (-size, y - 0.2 * size),
            (-0.5 * size, y - size),
            (0, y - 0.5 * size),
            (0.5 * size, y - size),
            (size, y - 0.2 * size),
            (0, y + size),
        )
    elif style == 3:  # scribbled text
        x = np.linspace(-1.3 * size, 1.3 * size, 9)
        art.stroke(np.stack([x, y + 0.4 * size * np.array([1, -1] * 4 + [1])], 1))
    else:
        art.polygon((-size, y - size), (size, y - size), (size, y + size), (-size, y + size))


def stripes(art: LineArt, cut: Cut) -> None:
    """Across the chest: straight or zigzag, one to four."""
    zigzag = art.rng.random() < 0.25
    for y in np.linspace(0.45, 0.85, art.rng.integers(1, 5)) * cut.length:
        x = np.linspace(-0.95 * cut.chest, 0.95 * cut.chest, 9 if zigzag else 2)
        art.stroke(np.stack([x, y + 0.05 * zigzag * (-1.0) ** np.arange(len(x))], 1))


def spots(art: LineArt, cut: Cut) -> None:
    for _ in range(art.rng.integers(4, 12)):
        art.dot(art.rng.uniform(-0.7, 0.7) * cut.chest, art.rng.uniform(0.4, 0.95) * cut.length)


def ribbed_hem(art: LineArt, cut: Cut) -> None:
    """A line above the bottom, or the ribs as well."""
    half, high = cut.chest * cut.hem, art.rng.uniform(0.08, 0.15)
    art.line((-half, cut.length - high), (half, cut.length - high))
    if art.rng.random() < 0.4:
        for x in np.linspace(-0.85, 0.85, art.rng.integers(4, 9)) * half:
            art.line((x, cut.length - high), (x, cut.length))


def cuffs(art: LineArt, cut: Cut) -> None:
    outer, inner = sleeve_end(cut)
    back = 1 - art.rng.uniform(0.1, 0.2) / max(cut.sleeve, 0.2)
    shoulder, armpit = (cut.shoulder, cut.slope), (cut.chest, cut.slope + cut.armhole)
    mirrored(art, between(shoulder, outer, back), between(armpit, inner, back))


def armholes(art: LineArt, cut: Cut) -> None:
    """The seams between sleeves and trunk."""
    low = cut.slope + cut.armhole
    middle = (cut.shoulder - 0.05, (cut.slope + low) / 2)
    mirrored(art, (cut.shoulder, cut.slope), middle, (cut.chest, low), curved=True)


def folds(art: LineArt, cut: Cut) -> None:
    """Lines down a skirt."""
    top = cut.waist_height * cut.length
    for x in np.linspace(-0.6, 0.6, art.rng.integers(2, 6)) * cut.chest:
        start = top + art.rng.uniform(0.02, 0.5) * (cut.length - top)
        art.line((x * cut.waist, start), (x * cut.hem, cut.length * art.rng.uniform(0.9, 1)))


def frill(art: LineArt, cut: Cut) -> None:
    """A wavy line or a straight one above the bottom of a skirt."""
    y = art.rng.uniform(0.85, 0.93) * cut.length
    x = np.linspace(-0.92, 0.92, 13) * cut.chest * cut.hem
    art.stroke(np.stack([x, y + art.rng.choice([0, 0.05]) * (-1.0) ** np.arange(13)], 1))


def sleeve_end(cut: Cut) -> tuple[Point, Point]:
    """The outer and the inner corner of the right sleeve's end."""
    cos, sin = np.cos(np.radians(cut.angle)), np.sin(np.radians(cut.angle))
    outer = cut.shoulder + cut.sleeve * cos, cut.slope + cut.sleeve * sin
    inner = max(outer[0] - cut.cuff * sin, cut.chest + 0.03), outer[1] + cut.cuff * cos
    return outer, inner


def between(start: Point, end: Point, share: float) -> Point:
    """The point at this share of the way from start to end."""
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
