"""Backpacks as people draw them in a few seconds, in the coordinates of `bag_drawings`."""

from __future__ import annotations

import numpy as np

from alexnet_demo.data.line_art import LineArt


def quick_backpack(art: LineArt) -> None:
    """A backpack, rounder and with fewer and larger parts than in `bag_drawings.backpack`."""
    kinds = (eared, nested, from_behind, overlapping)
    kinds[art.rng.choice(len(kinds), p=[0.5, 0.2, 0.15, 0.15])](art)


def dome(art: LineArt, wide: float, top: float, bottom: float, closed: bool = True) -> None:
    """An arch on straight sides, half as wide as given, with or without the line below it."""
    u = art.rng.uniform
    power, round_part = u(0.5, 1.1), u(0.3, 1.0) * (bottom - top)
    foot, angle = wide * u(0.8, 1.15), np.linspace(np.pi, 2 * np.pi, 17)
    x = wide * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    y = top + round_part * (1 - np.abs(np.sin(angle)) ** power)
    points = [(-foot, bottom), *zip(x, y, strict=True), (foot, bottom)]
    if closed and art.rng.random() < 0.4:
        art.curve((foot, bottom), (0, bottom + u(0, 0.12)), (-foot, bottom))
    elif closed:
        points.append(points[0])
    art.line(*points)


def loop(art: LineArt, top: float) -> None:
    """The handle on top: an arc, or a ring."""
    u = art.rng.uniform
    art.ellipse(0, top, u(0.06, 0.2), u(0.06, 0.2), *((180, 360) if u() < 0.8 else (0, 360)))


def front_pocket(art: LineArt, wide: float) -> None:
    """A large pocket: an arch, an ellipse, or a semicircle upside down."""
    u, style = art.rng.uniform, art.rng.random()
    half, top = wide * u(0.45, 0.85), u(0.35, 0.65)
    if style < 0.55:
        dome(art, half, top, u(0.88, 1.0), closed=bool(u() < 0.7))
    elif style < 0.85:
        art.ellipse(0, (top + 0.95) / 2, half, (0.95 - top) / 2)
    else:
        art.line((-half, top), (half, top))
        art.ellipse(0, top, half, u(0.2, 0.4), 0, 180)


def eared(art: LineArt) -> None:
    """From the front: pockets or straps bulge on both sides, like ears or arms."""
    rng, u = art.rng, art.rng.uniform
    wide = u(0.3, 0.6)
    if rng.random() < 0.75:
        dome(art, wide, 0, 1)
    else:
        art.ellipse(0, 0.5, wide, 0.5)
    top, bottom, out = u(0.02, 0.45), u(0.8, 1.0), u(0.1, 0.35)
    whole, middle, half = rng.random() < 0.3, (top + bottom) / 2, (bottom - top) / 2
    for side in (-1, 1):
        x, at = side * wide * u(0.85, 1), middle + rng.normal(0, 0.04)
        if whole:  # drawn through the body
            art.ellipse(x, at, 0.7 * out, half)
            continue
        lean, tip = side * u(0, 0.6) * out, x + side * out
        for inside in (0, 0.1)[: 1 + int(rng.random() < 0.2)]:
            art.curve(
                (x, at - half + inside),
                (tip - side * inside, at - 0.6 * half + inside),
                (tip - side * inside + lean * 0.3, at + 0.5 * half),
                (x, at + half - inside),
            )
    if rng.random() < 0.75:
        front_pocket(art, wide)
    if rng.random() < 0.65:
        loop(art, 0.02)
    if rng.random() < 0.25:
        y = u(0.25, 0.45)
        art.curve((-wide, y), (0, y + u(-0.1, 0.15)), (wide, y))


def nested(art: LineArt) -> None:
    """Two or three arches, each inside the other one, on one line or not."""
    rng, u = art.rng, art.rng.uniform
    wide, top = u(0.35, 0.7), 0.0
    for _ in range(int(rng.integers(2, 4))):
        dome(art, wide, top, 1 - u(0, 0.06) * (top > 0), closed=bool(rng.random() < 0.7))
        wide, top = wide * u(0.5, 0.8), top + u(0.12, 0.35)
    if rng.random() < 0.5:
        loop(art, 0.02)


def from_behind(art: LineArt) -> None:
    """Two straps as long loops on the back, or standing off it."""
    rng, u = art.rng, art.rng.uniform
    wide = u(0.35, 0.6)
    dome(art, wide, 0, 1)
    x, half, thin = wide * u(0.35, 1.0), u(0.25, 0.45), u(0.06, 0.22)
    lean, middle = rng.normal(0, 8), u(0.45, 0.6)
    for side in (-1, 1):
        art.ellipse(side * x, middle, thin, half, turn=side * lean)
        if rng.random() < 0.25:
            art.ellipse(side * x, middle, thin * 0.5, half * 0.8, turn=side * lean)
    if rng.random() < 0.5:
        loop(art, 0.02)


def overlapping(art: LineArt) -> None:
    """Rounded outlines over each other that hardly close: body, pocket, and sides."""
    rng, u = art.rng, art.rng.uniform
    wide = u(0.3, 0.5)
    sides = [
        (side * wide * u(0.7, 1.2), u(0.5, 0.7), u(0.12, 0.3), u(0.2, 0.45)) for side in (-1, 1)
    ]
    pocket = (0, u(0.6, 0.75), wide * u(0.4, 0.9), u(0.15, 0.3))
    parts = [pocket, *sides][: int(rng.integers(1, 4))] if rng.random() < 0.4 else [pocket, *sides]
    for x, y, width, height in [(0, 0.5, wide, 0.5), *parts]:
        start = u(0, 360)
        art.ellipse(
            x + rng.normal(0, 0.03),
            y + rng.normal(0, 0.03),
            width,
            height,
            start,
            start + u(270, 390),
            rng.normal(0, 8),
        )
    if rng.random() < 0.6:
        loop(art, 0)
