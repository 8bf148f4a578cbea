"""Line drawings of bags: handbags, totes, shoulder bags, purses, backpacks, duffel bags.

A bag's upper edge is at y = 0, its bottom at y = 1, y down, and its middle at x = 0.
"""

from __future__ import annotations

import numpy as np

from alexnet_demo.data.garment_details import mirrored
from alexnet_demo.data.line_art import LineArt


def draw_bag(art: LineArt) -> None:
    """A bag of any kind."""
    kinds = (handbag, shoulder_bag, backpack, duffel, purse, hobo)
    kinds[art.rng.choice(len(kinds), p=[0.42, 0.14, 0.23, 0.08, 0.08, 0.05])](art)


def body(art: LineArt, top: float, bottom: float) -> None:
    """The outline, half as wide as given: angular, with round corners, oval, or open on top."""
    style, rng = art.rng.random(), art.rng
    if style < 0.5:
        art.polygon((-top, 0), (top, 0), (bottom, 1), (-bottom, 1))
    elif style < 0.8:
        r = rng.uniform(0.1, 0.25)
        right = [(top - r, 0.0), (top, r), (bottom, 1 - r), (bottom - r, 1.0)]
        art.curve(*right, *((-x, y) for x, y in right[::-1]), closed=True)
    elif style < 0.92:
        power, angle = rng.uniform(0.6, 1), np.linspace(0, 2 * np.pi, 33)
        x, y = (np.sign(w) * np.abs(w) ** power for w in (np.cos(angle), np.sin(angle)))
        art.stroke(np.stack([bottom * x, 0.5 + 0.5 * y], 1))
    else:  # open on top: one stroke down, along the bottom, and up
        art.line((-top, 0), (-bottom, 1), (bottom, 1), (top, 0))
        art.curve((-top, 0), (0, rng.uniform(-0.1, 0.15)), (top, 0))


def arch(art: LineArt, half: float, height: float, foot: float, shift: float = 0) -> None:
    """A handle: round, pointed, or angular."""
    style = art.rng.random()
    if style < 0.7:
        points = [
            (-half, foot),
            (-0.85 * half, -0.6 * height),
            (0, -height),
            (0.85 * half, -0.6 * height),
            (half, foot),
        ]
        art.curve(*((x + shift, y) for x, y in points))
    elif style < 0.85:
        art.line((shift - half, foot), (shift, -height), (shift + half, foot))
    else:
        narrow = art.rng.uniform(0.5, 1) * half
        art.line(
            *(
                (x + shift, y)
                for x, y in [(-half, foot), (-narrow, -height), (narrow, -height), (half, foot)]
            )
        )


def handles(art: LineArt, wide: float) -> None:
    """One handle, of one line or two, or two handles of which one is behind the bag."""
    rng = art.rng
    half, height = rng.uniform(0.3, 0.95) * wide, rng.uniform(0.25, 1.1)
    foot = rng.choice([0, 0, rng.uniform(0.05, 0.3)])
    arch(art, half, height, foot)
    style = rng.random()
    if style < 0.35:
        thick = rng.uniform(0.06, 0.15)
        arch(art, max(half - thick, 0.08), max(height - thick, 0.1), foot)
    elif style < 0.5:
        arch(art, half, height * rng.uniform(0.8, 1.2), 0, rng.normal(0, 0.15))
    if foot and rng.random() < 0.3:
        mirrored(
            art, (half - 0.05, foot), (half + 0.05, foot), (half, foot + 0.1), (half - 0.05, foot)
        )


def flap(art: LineArt, wide: float) -> None:
    """Down to a straight, round or pointed edge, with or without a clasp."""
    low, draw = art.rng.uniform(0.2, 0.65), art.curve if art.rng.random() < 0.6 else art.line
    side = art.rng.uniform(0, 1) * low
    draw((-wide, 0), (-wide, side), (0, low), (wide, side), (wide, 0))
    clasp(art, low)


def clasp(art: LineArt, y: float) -> None:
    """A small circle, rectangle or dot; on some bags none."""
    size = art.rng.uniform(0.04, 0.1)
    style = art.rng.random()
    if style < 0.3:
        art.ellipse(0, y, size, size)
    elif style < 0.6:
        art.polygon((-size, y - size), (size, y - size), (size, y + size), (-size, y + size))
    elif style < 0.75:
        art.dot(0, y)


def pocket(art: LineArt, wide: float) -> None:
    """On the front: a rectangle, round at the bottom or not, or an arch; a flap on some."""
    half, top, bottom = (
        art.rng.uniform(0.4, 0.8) * wide,
        art.rng.uniform(0.4, 0.65),
        art.rng.uniform(0.85, 0.97),
    )
    if art.rng.random() < 0.6:
        art.polygon((-half, top), (half, top), (half, bottom), (-half, bottom))
    else:
        art.curve(
            (-half, bottom),
            (-0.9 * half, top + 0.1),
            (0, top),
            (0.9 * half, top + 0.1),
            (half, bottom),
        )
        art.line((-half, bottom), (half, bottom))
    if art.rng.random() < 0.4:
        y = top + art.rng.uniform(0.05, 0.2)
        art.line((-half, y), (half, y))


def across(art: LineArt, wide: float) -> None:
    """A zip or a seam from side to side."""
    y = art.rng.choice([art.rng.uniform(0.08, 0.35), art.rng.uniform(0.6, 0.9)])
    art.line((-wide, y), (wide, y))
    if art.rng.random() < 0.3:
        art.line((wide * 0.7, y), (wide * 0.7, y + 0.12))


def pattern(art: LineArt, wide: float) -> None:
    """Dots, a flower or emblem, or vertical stripes."""
    style = art.rng.random()
    if style < 0.4:
        for _ in range(art.rng.integers(3, 10)):
            art.dot(art.rng.uniform(-0.7, 0.7) * wide, art.rng.uniform(0.2, 0.85))
    elif style < 0.7:
        size = art.rng.uniform(0.1, 0.25)
        art.ellipse(0, 0.55, size, size)
    else:
        for x in np.linspace(-0.6, 0.6, art.rng.integers(2, 5)) * wide:
            art.line((x, 0.02), (x, 0.98))


def handbag(art: LineArt) -> None:
    """A handbag, tote or shopping bag."""
    rng = art.rng
    bottom = rng.uniform(0.4, 1.0)
    top = bottom * rng.uniform(0.6, 1.15)
    body(art, top, bottom)
    handles(art, top)  # without one, it would be any box
    if rng.random() < 0.15:  # seen from one side
        deep, up = rng.uniform(0.15, 0.4), rng.uniform(0.05, 0.25)
        art.line((top, 0), (top + deep, -up), (bottom + deep, 1 - up), (bottom, 1))
        art.line((-top, 0), (-top + deep, -up), (top + deep, -up))
    few = rng.uniform(0, 1.3)
    details = ((flap, 0.3), (across, 0.25), (pocket, 0.2), (pattern, 0.15))
    for detail, chance in details:
        if rng.random() < chance * few:
            detail(art, min(top, bottom) * 0.95)
    if rng.random() < 0.1:
        clasp(art, 0.1)


def shoulder_bag(art: LineArt) -> None:
    """A bag on a long strap that stands up, or lies around it."""
    rng = art.rng
    bottom = rng.uniform(0.5, 0.9)
    top = bottom * rng.uniform(0.8, 1.1)
    body(art, top, bottom)
    high, lean = rng.uniform(0.8, 2.0), rng.normal(0, 0.3)
    for inside in (0, 0.12)[: rng.integers(1, 3)]:
        half = top - inside
        art.curve(
            (-half, 0.05),
            (-0.7 * half + lean / 2, -0.6 * high),
            (lean, inside - high),
            (0.7 * half + lean / 2, -0.6 * high),
            (half, 0.05),
        )
    if rng.random() < 0.7:
        flap(art, top)
    if rng.random() < 0.2:
        pattern(art, bottom)


def backpack(art: LineArt) -> None:
    """From the front or the side: a high body, a loop on top, a pocket, straps that stick out."""
    rng = art.rng
    wide, dome = rng.uniform(0.3, 0.55), rng.uniform(0.1, 0.45)
    bottom = wide * rng.uniform(0.85, 1.2)
    corner = rng.uniform(0.0, 0.12)
    top = smooth_top(wide, dome)
    art.curve(*top, (wide * 1.02, 0.6), (bottom, 1 - corner), (bottom - corner, 1))
    art.curve((-wide, dome), (-wide * 1.02, 0.6), (-bottom, 1 - corner), (-bottom + corner, 1))
    art.line((-bottom + corner, 1), (bottom - corner, 1))
    if rng.random() < 0.7:
        size = rng.uniform(0.06, 0.18)
        art.ellipse(0, 0.02, size, rng.uniform(0.08, 0.22), 180, 360)
    if rng.random() < 0.9:
        pocket(art, wide)
    if rng.random() < 0.4:
        y = dome + rng.uniform(0, 0.2)
        art.curve((-wide, y), (0, y + rng.uniform(-0.15, 0.15)), (wide, y))
    straps = rng.random()
    bulge, low = rng.uniform(0.1, 0.4), rng.uniform(0.6, 0.95)
    for side in ((-1, 1), (1,), ())[int(straps > 0.55) + int(straps > 0.8)]:
        out = side * (wide + bulge)
        for inside in (0, 0.08)[: rng.integers(1, 3)]:
            x = out - side * inside
            art.curve(
                (side * wide * 0.8, 0.12 + inside),
                (x, 0.25 + inside),
                (x, low - 0.15),
                (side * wide, low - inside),
            )
    if rng.random() < 0.15:
        for x in (-0.5 * wide, 0.5 * wide):
            art.line((x, 0.05), (x, 0.98))


def smooth_top(wide: float, dome: float) -> list[tuple[float, float]]:
    """The upper edge of a backpack from left to right."""
    return [
        (-wide, dome),
        (-0.75 * wide, 0.25 * dome),
        (0, 0),
        (0.75 * wide, 0.25 * dome),
        (wide, dome),
    ]


def duffel(art: LineArt) -> None:
    """A long round bag with handles that begin at its bottom."""
    rng = art.rng
    wide, round_ends = rng.uniform(0.9, 1.5), rng.uniform(0.1, 0.4)
    inner = wide - round_ends
    art.curve(
        (-inner, 0),
        (inner, 0),
        (wide, 0.3),
        (wide, 0.7),
        (inner, 1),
        (-inner, 1),
        (-wide, 0.7),
        (-wide, 0.3),
        closed=True,
    )
    half = rng.uniform(0.3, 0.6) * wide
    arch(art, half, rng.uniform(0.15, 0.6), rng.choice([0.05, 0.5, 0.98]))
    if rng.random() < 0.5:
        art.line((-inner, 0.12), (inner, 0.12))
    if rng.random() < 0.4:
        mirrored(art, (inner, 0), (inner - 0.05, 0.5), (inner, 1), curved=True)
    if rng.random() < 0.4:
        pocket(art, 0.5 * wide)


def purse(art: LineArt) -> None:
    """A small bag with a frame and a clasp, on a short or no handle."""
    rng = art.rng
    top, bottom, frame = rng.uniform(0.4, 0.7), rng.uniform(0.6, 0.95), rng.uniform(0.1, 0.3)
    art.curve(
        (-top, 0),
        (-bottom, 0.6),
        (-0.6 * bottom, 0.95),
        (0, 1),
        (0.6 * bottom, 0.95),
        (bottom, 0.6),
        (top, 0),
    )
    art.curve((-top, 0), (0, rng.uniform(-0.15, 0.05)), (top, 0))
    art.curve((-top * 1.1, frame), (0, frame + rng.uniform(-0.05, 0.1)), (top * 1.1, frame))
    if rng.random() < 0.8:
        size = rng.uniform(0.05, 0.09)
        for x in (-size, size):
            art.ellipse(x, -size, size, size)
    if rng.random() < 0.6:
        arch(art, top, rng.uniform(0.4, 1.0), 0)


def hobo(art: LineArt) -> None:
    """A soft bag whose sides run into the strap."""
    rng = art.rng
    wide, high, loop = rng.uniform(0.6, 1.0), rng.uniform(0.4, 1.0), rng.uniform(0.3, 0.6)
    art.curve(
        (0, -high),
        (-0.45 * wide, -0.35 * high),
        (-wide, 0.7),
        (-0.6 * wide, 1),
        (0.6 * wide, 1),
        (wide, 0.7),
        (0.45 * wide, -0.35 * high),
        (0, -high),
    )
    art.curve(
        (0, 0.15 - high),
        (-loop * wide, 0),
        (0, rng.uniform(0.1, 0.3)),
        (loop * wide, 0),
        (0, 0.15 - high),
    )
    if rng.random() < 0.3:
        pocket(art, 0.5 * wide)
