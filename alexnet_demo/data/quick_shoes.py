"""Shoes as people draw them in a few seconds, in the coordinates of `shoe_outlines`."""

from __future__ import annotations

import numpy as np

from alexnet_demo.data.line_art import LineArt
from alexnet_demo.data.shoe_outlines import Point, curve, draw_some, laces, outline, stroke


def plain_sole(art: LineArt, width: float) -> None:
    """A sole from above: an ellipse, an egg, or narrow in the middle like a peanut."""
    rng, u = art.rng, art.rng.uniform
    start = u(0, 2 * np.pi)
    angle = np.linspace(start, start + 2 * np.pi * u(0.93, 1.05), 40)
    y = -np.cos(angle)
    waist = u(0.2, 0.6) if rng.random() < 0.45 else 0
    half = width * (1 + u(-0.1, 0.35) * -y - waist * np.exp(-(((y - 0.15) / 0.45) ** 2)))
    art.stroke(np.stack([np.sin(angle) * half + u(-0.12, 0.12) * y**2, y], 1))


def scribble(art: LineArt, width: float) -> None:
    """Straps as a zigzag over the front half."""
    count, first = int(art.rng.integers(5, 14)), art.rng.uniform(-0.8, -0.3)
    x = width * art.rng.uniform(0.3, 1.1, count) * (-1.0) ** np.arange(count)
    art.curve(*zip(x, np.linspace(first, first + art.rng.uniform(0.2, 0.9), count), strict=True))


def plain_sandal_above(art: LineArt) -> None:
    """A sole with a small V or Y, one or two strokes, a loop near the toe, or a scribble."""
    rng, u = art.rng, art.rng.uniform
    width, post = u(0.25, 0.5), u(-0.85, -0.4)
    plain_sole(art, width)
    kind = rng.choice(["v", "y", "bars", "loop", "scribble"], p=[0.4, 0.2, 0.2, 0.1, 0.1])
    reach, ends = width * u(0.4, 1.05), post + u(0.15, 0.6)
    if kind in ("v", "y"):
        draw = art.curve if rng.random() < 0.4 else art.line
        draw((-reach, ends), (rng.normal(0, 0.04), post), (reach, ends + rng.normal(0, 0.08)))
        if kind == "y":
            art.line((0, post), (rng.normal(0, 0.03), post - u(0.08, 0.3)))
    elif kind == "bars":
        slant, cross = rng.normal(0, 0.12), rng.random() < 0.3
        for k, y in enumerate((post, post + u(0.1, 0.6))[: int(rng.integers(1, 3))]):
            tilt = u(0.2, 0.4) * (-1) ** k if cross else slant
            art.line((-width * u(0.8, 1.1), y - tilt), (width * u(0.8, 1.1), y + tilt))
    elif kind == "loop":
        art.ellipse(0, post + 0.1, width * u(0.2, 0.8), u(0.08, 0.25))
    else:
        scribble(art, width)


def wedge_sandal(art: LineArt) -> None:
    """From the side: a wedge with one or two arcs over the foot, and perhaps one at the heel."""
    u = art.rng.uniform
    lift, front = u(0.08, 0.45), u(0.03, 0.12)
    sole = [(0.0, 0.0), (0.0, -lift), (1.0, -front), (u(0.97, 1.03), 0.0)]
    art.polygon(*sole) if u() < 0.6 else art.curve(*sole, closed=True)

    def arc(start: float, end: float, height: float) -> None:
        x = np.linspace(0, 1, 9)
        along = start + (end - start) * x
        art.stroke(np.stack([along, (lift - front) * along - lift - height * np.sin(np.pi * x)], 1))

    end, height = u(0.8, 0.97), u(0.15, 0.45)
    arc(end - u(0.3, 0.6), end, height)
    if u() < 0.5:
        arc(end - u(0.12, 0.3), end - 0.04, 0.6 * height)
    if u() < 0.45:
        arc(0.0, u(0.2, 0.4), u(0.2, 0.5))


def plain_shoe(art: LineArt) -> None:
    """A closed low shoe without laces: the heel a little higher, a line for the sole or none."""
    u = art.rng.uniform
    heel, collar, tip = u(0.26, 0.55), u(0.25, 0.5), u(0.12, 0.28)
    dip, front = heel * u(0.6, 1.0), heel * u(0.8, 1.15)
    upper: list[Point] = [(0, 0), (u(-0.05, 0.04), -heel), (collar * 0.6, -dip), (collar, -front)]
    upper += [(0.65, -tip * u(1, 1.4)), (0.9, -tip), (1, -tip * 0.5)]
    outline(art, upper, [(u(0.93, 1), 0)])
    thick, tongue = u(0.05, 0.12), front + u(0.1, 0.4)
    draw_some(
        art,
        (0.4, stroke((u(-0.06, 0.02), -thick), (u(0.98, 1.06), -thick))),
        (0.1, stroke((-0.02, 0.03), (1.02, 0.03))),
        (0.25, curve((collar - 0.08, -front), (collar - 0.02, -tongue), (collar + 0.1, -tongue),
                     (collar + 0.14, -0.8 * front))),
    )  # fmt: skip


def banana_shoe(art: LineArt) -> None:
    """A shoe as a bent shape: heel and tip are up, the rest is one or two curves."""
    u = art.rng.uniform
    heel, tip, thick = u(0.25, 0.6), u(0.05, 0.35), u(0.14, 0.28)
    low = [(0.0, -heel), (0.15, -0.06), (0.55, u(-0.04, 0.0)), (1.0, -tip)]
    high = [(0.85, -tip - 0.3 * thick), (0.5, -thick), (0.3, -thick - 0.05), (u(0.15, 0.3), -heel)]
    if u() < 0.6:
        art.curve(*low, *high, closed=True)
    else:
        art.curve(*low)
        art.curve(low[-1], *high, low[0])


def high_top(art: LineArt) -> None:
    """A sneaker that covers the ankle, with a circle there, or few laces."""
    u = art.rng.uniform
    height, shaft, tip = u(0.5, 0.85), u(0.35, 0.5), u(0.15, 0.28)
    upper: list[Point] = [(0, 0), (u(-0.05, 0.05), -height), (shaft, -height * u(0.93, 1.07))]
    upper += [(shaft + u(0, 0.08), -0.5 * height), (0.75, -tip * 1.2), (0.93, -tip), (1, -tip / 2)]
    outline(art, upper, [(u(0.95, 1), 0)])
    thick, size = u(0.05, 0.12), u(0.06, 0.12)
    draw_some(
        art,
        (0.6, lambda art: art.ellipse(shaft * 0.5, -0.62 * height, size, size)),
        (0.5, stroke((0, -thick), (1, -thick))),
        (0.3, laces((shaft, -0.85 * height), (shaft + 0.1, -0.45 * height))),
        (0.2, curve((0.8, -thick), (0.76, -0.7 * tip), (0.82, -tip * 1.05))),
    )


def sock_boot(art: LineArt) -> None:
    """A tall soft boot like a sock, with a heel and a band at the top."""
    rng, u = art.rng, art.rng.uniform
    height, shaft, tip = u(0.8, 1.5), u(0.32, 0.5), u(0.15, 0.3)
    lean, heel = rng.normal(0, 0.05), u(0.03, 0.16) if rng.random() < 0.6 else 0
    top = [(lean, -height), (lean + shaft, -height)]
    upper: list[Point] = [(0, -heel), (u(-0.05, 0.06), -0.4 * height), *top]
    upper += [(shaft + u(-0.03, 0.05), -0.42 * height), (0.7, -tip * 1.3), (1, -0.6 * tip)]
    floor = [
        (0.95, 0),
        *[(0.4, 0), (0.36, -heel), (0.3, -heel), (0.28, 0), (0, 0)][: 5 * (heel > 0)],
    ]
    outline(art, upper, [(x, y) for x, y in floor])
    band, stick_out = u(0.08, 0.3) * height, u(0, 0.06)
    kind = rng.random()
    if kind < 0.5:
        art.line((lean - stick_out, band - height), (lean + shaft + stick_out, band - height))
    elif kind < 0.85:  # a cuff wider than the shaft
        (left, y), (right, _) = top
        low = y + band
        art.polygon(
            (left - stick_out, y - 0.03),
            (right + stick_out, y - 0.03),
            (right + stick_out, low),
            (left - stick_out, low),
        )
