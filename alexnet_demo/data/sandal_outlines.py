"""Sandals as people draw them, in the coordinates of `shoe_outlines`."""

from __future__ import annotations

import numpy as np

from alexnet_demo.data.line_art import LineArt
from alexnet_demo.data.shoe_outlines import sole_above


def sandal_side(art: LineArt) -> None:
    """A flat sole with one to four straps that stand over it, and perhaps one around the ankle."""
    rng, u = art.rng, art.rng.uniform
    thick, bend = u(0.04, 0.16), u(-0.03, 0.08)
    low, high = (
        [(0.0, 0.0), (0.5, -bend), (1.0, 0.0)],
        [(1.0, -thick), (0.5, -bend - thick), (0, -thick)],
    )
    if rng.random() < 0.3:
        art.curve(*high)
    elif rng.random() < 0.5:
        art.curve(*low, *high, closed=True)
    else:
        art.polygon(low[0], low[2], high[0], high[2])
    double = rng.random() < 0.65
    count, wide = int(rng.integers(1, 4)), u(0.05, 0.14)
    for x in np.linspace(u(0.72, 0.84), 0.35 if count > 2 else u(0.45, 0.65), count):
        _side_strap(art, float(x), -thick, wide if double else 0)
    if rng.random() < 0.55:
        height, ankle = -thick - u(0.25, 0.5), u(0.25, 0.4)
        art.curve((0.02, -thick), (0.0, (height - thick) / 2), (0.05, height))
        art.curve((0.05, height), (ankle / 2, height + 0.05), (ankle, height + u(-0.05, 0.1)))
        if double:
            art.curve(
                (0.05, height + wide), (ankle / 2, height + wide + 0.05), (ankle, height + wide)
            )
        if rng.random() < 0.7:
            art.line((ankle, height), (u(0.4, 0.6), -thick))
        if rng.random() < 0.3:
            art.line((ankle, height), (0.75, -thick - 0.2))


def _side_strap(art: LineArt, x: float, floor: float, wide: float) -> None:
    """A strap over the foot at x, seen from the side; one line if ``wide`` is 0."""
    u = art.rng.uniform
    height, reach, lean = u(0.12, 0.26) + 0.3 * (0.8 - x), u(0.06, 0.14), u(-0.12, 0.05)
    top = (x + lean, floor - height)
    if not wide:
        art.curve((x - reach, floor), top, (x + reach, floor))
        return
    art.line((x - wide, floor), (top[0] - wide, top[1]), (top[0] + wide, top[1]), (x + wide, floor))


def slide_side(art: LineArt) -> None:
    """A slide or flip-flop from the side: a sole, and one band over its front half."""
    u = art.rng.uniform
    thick = u(0.05, 0.2)
    if art.rng.random() < 0.5:
        art.polygon((0, 0), (1, 0), (1, -thick), (0, -thick))
    else:
        art.curve((0, 0), (1, 0), (1.03, -thick / 2), (1, -thick), (0, -thick), closed=True)
    back, front, height = u(0.3, 0.55), u(0.8, 0.98), u(0.2, 0.38)
    top = (u(back, 0.65), -thick - height)
    if art.rng.random() < 0.5:
        art.curve((back, -thick), top, (front, -thick))
    else:
        art.line((back, -thick), top, (front - 0.1, -thick - height * 0.6), (front, -thick))
    if art.rng.random() < 0.4:
        art.curve((back + 0.12, -thick), (top[0] + 0.06, top[1] + 0.1), (front - 0.12, -thick))


def heeled_sandal(art: LineArt) -> None:
    """A sandal with a high heel or a wedge."""
    rng, u = art.rng, art.rng.uniform
    lift, thick = u(0.25, 0.6), u(0.03, 0.15)
    slope = [(0.0, -lift), (0.2, -lift * 0.95), (0.65, -0.05), (1.0, -0.03)]
    art.curve(*slope)
    if rng.random() < 0.3:  # a wedge
        art.line(slope[0], (0.03, 0), (1, 0), slope[-1])
    else:
        if rng.random() < 0.6:
            art.curve(slope[-1], (0.95, 0.02), (0.65, 0.02), (thick + 0.1, -lift * 0.75))
        art.line(slope[0], (u(0, 0.05), 0), (thick * 0.6, 0), (thick, -lift * 0.9))
    top = -lift - u(0.2, 0.4)
    art.curve((0.65, -0.06), (0.74, -u(0.18, 0.3)), (0.92, -0.04))
    if rng.random() < 0.5:
        art.curve((0.72, -0.05), (0.8, -0.14), (0.88, -0.04))
    if rng.random() < 0.75:
        art.line((0.0, -lift), (0.03, top))
        art.curve((0.03, top), (0.15, top + 0.05), (u(0.25, 0.35), top))
        if rng.random() < 0.5:
            art.curve((0.03, top + 0.1), (0.15, top + 0.15), (0.3, top + 0.1))
    if rng.random() < 0.35:
        art.curve((0.3, top), (0.5, -lift * 0.8), (0.75, -0.25))


def sandal_above(art: LineArt) -> None:
    """A sole with the V of a flip-flop, or with bands."""
    rng, u = art.rng, art.rng.uniform
    width = u(0.3, 0.48)
    sole_above(art, width)
    post, ends, kind = u(-0.75, -0.4), u(-0.3, 0.3), rng.random()
    reach = width * u(0.85, 1.02)
    if kind < 0.65:  # a V, its legs straight, curved, or doubled
        lower = (ends - post) * u(0.3, 0.6)
        middle = [(side * reach * u(0.5, 0.75), post + lower * u(0.4, 1)) for side in (-1, 1)]
        art.curve((-reach, ends), middle[0], (0, post), middle[1], (reach, ends + u(-0.1, 0.1)))
        if rng.random() < 0.3:
            art.curve((-reach, ends + 0.15), (0, post + 0.22), (reach, ends + 0.15))
        elif rng.random() < 0.4:
            art.line((0, post), (0, post - u(0.08, 0.25)))
        elif rng.random() < 0.2:
            art.ellipse(0, post, 0.05, 0.05)
    else:
        count, bow = int(rng.integers(1, 4)), u(-0.15, 0.15)
        for y in np.linspace(u(-0.6, -0.3), u(0, 0.3), count):
            for edge in (0, u(0.12, 0.3))[: int(rng.integers(1, 3)) if count > 1 else 2]:
                art.curve((-reach, y + edge), (0, y + edge + bow), (reach, y + edge))
    if rng.random() < 0.1:
        art.curve((-reach * 0.8, 0.5), (0, 0.4), (reach * 0.8, 0.5))
