"""Sneakers and ankle boots as people draw them, and what sandals share with them.

From the side, x goes from the heel (0) to the tip (1), and the floor is at y = 0. From above, y
goes from the tip (-1) to the heel (1). Each function draws one way to draw a shoe, with random
proportions and only some of the details that it knows, often none: most people use few strokes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from alexnet_demo.data.line_art import LineArt

Point = tuple[float, float]
Detail = Callable[[LineArt], None]


def draw_some(art: LineArt, *details: tuple[float, Detail]) -> None:
    """Draw each detail with its probability, all of them less often in a simple drawing."""
    eagerness = art.rng.choice([0.4, 1, 1.4], p=[0.35, 0.4, 0.25])
    for chance, detail in details:
        if art.rng.random() < chance * eagerness:
            detail(art)


def outline(art: LineArt, points: Sequence[Point], floor: Sequence[Point]) -> None:
    """The upper from the heel to the tip, and the sole back to the heel: curved or angular."""
    kind = art.rng.random()
    if kind < 0.2:
        art.polygon(*points, *floor)
    elif kind < 0.55:
        art.curve(*points, *floor, closed=True)
    else:
        art.curve(*points)
        art.line(points[-1], *floor, points[0])


def points_along(start: Point, end: Point, count: int) -> list[Point]:
    """Points from one to another."""
    return [(float(x), float(y)) for x, y in np.linspace(start, end, count)]


def laces(start: Point, end: Point) -> Detail:
    """Bars, crosses, or a zigzag across the line from ``start`` to ``end``, or eyelets along it."""

    def draw(art: LineArt) -> None:
        rng, count = art.rng, int(art.rng.integers(2, 6))
        direction = np.subtract(end, start) / np.hypot(*np.subtract(end, start))
        across = np.array([-direction[1], direction[0]]) * rng.uniform(0.05, 0.11)
        kind, knots = rng.random(), np.array(points_along(start, end, count))
        inward = across * rng.uniform(0.3, 2) if rng.random() < 0.7 else across
        sides = knots - across, knots + inward
        if kind < 0.5:
            for one, other in zip(*sides, strict=True):
                art.stroke(np.array([one, other]))
        elif kind < 0.65:
            art.stroke(np.stack(sides, 1).reshape(-1, 2))
        elif kind < 0.85:
            for k in range(count - 1):
                art.stroke(np.array([sides[0][k], sides[1][k + 1]]))
                art.stroke(np.array([sides[1][k], sides[0][k + 1]]))
        else:
            for x, y in sides[1]:
                art.dot(x, y)
        if rng.random() < 0.2:
            for turn in (-40, 40):
                x, y = start
                art.ellipse(x + turn / 500, y - 0.03, 0.08, 0.04, turn=turn)

    return draw


def stroke(*points: Point) -> Detail:
    return lambda art: art.line(*points)


def curve(*points: Point) -> Detail:
    return lambda art: art.curve(*points)


def sneaker_side(art: LineArt) -> None:
    """A low shoe with laces, a sole, and what else people know of sneakers."""
    u = art.rng.uniform
    collar, throat_x, throat_y = u(0.28, 0.5), u(0.32, 0.48), u(0.28, 0.5)
    tip, thick, dip = u(0.13, 0.28), u(0.05, 0.12), u(0, 0.1)
    vamp = tip + (throat_y - tip) * u(0.25, 0.55)
    upper: list[Point] = [(u(-0.03, 0.02), -thick / 2), (u(-0.02, 0.04), -collar)]
    if art.rng.random() < 0.6:
        upper.append((0.55 * throat_x, -min(collar, throat_y) + dip))
    upper += [(throat_x, -throat_y), (0.7, -vamp), (0.92, -tip), (1, -tip * 0.5)]
    outline(art, upper, [(u(0.95, 1), 0), (0.05, u(-0.01, 0.01))])
    stripes, lean, low = int(art.rng.integers(2, 4)), u(-0.1, 0.1), -thick - 0.02

    def three_stripes(art: LineArt) -> None:
        for x in 0.38 + 0.09 * np.arange(stripes):
            art.line((x, low), (x + lean, -0.75 * vamp))

    swoosh = (0.2, -0.25), (0.3, -thick - 0.03), (0.72, -vamp * 0.8)
    draw_some(
        art,
        (0.55, laces((throat_x + 0.03, -throat_y + 0.03), (0.72, -vamp))),
        (0.6, stroke((0, -thick), (1, -thick))),
        (0.3, curve((0.78, -thick), (0.76, -vamp * 0.75), (0.82, -vamp * 0.85))),
        (0.2, three_stripes),
        (0.15, curve(*swoosh)),
        (0.08, curve(*swoosh, (0.35, -0.2), (0.2, -0.25))),
        (0.2, curve((throat_x, -throat_y), (throat_x - 0.04, -throat_y - 0.1),
                     (throat_x + 0.07, -throat_y - 0.08), (throat_x + 0.07, -throat_y + 0.05))),
        (0.2, lambda art: art.ellipse(throat_x / 2, -(collar + throat_y) / 2, throat_x / 2, 0.05)),
        (0.15, curve((0, -collar * 0.6), (0.15, -collar * 0.5), (0.17, -thick))),
    )  # fmt: skip


def simple_shoe(art: LineArt) -> None:
    """The outline of a closed shoe in one go, with a low or high ankle, hardly any detail."""
    u = art.rng.uniform
    collar, ankle, tip = u(0.28, 0.52), u(0.28, 0.42), u(0.16, 0.32)
    front = collar * u(0.9, 1.1)
    upper: list[Point] = [(0, 0), (u(-0.03, 0.05), -collar), (ankle, -front)]
    upper += [(ankle + u(0.02, 0.1), -tip * u(1, 1.3)), (0.88, -tip), (1, -tip * 0.5)]
    outline(art, upper, [(0.97, 0)])
    draw_some(
        art,
        (0.2, stroke((0, -0.08), (0.98, -0.08))),
        (0.3, laces((ankle + 0.02, -tip * 1.1), (0.75, -tip))),
        (0.1, lambda art: art.ellipse(ankle / 2, -collar, ankle / 2, 0.05)),
    )


def boot_side(art: LineArt) -> None:
    """A flat boot: a shaft at least as high as the foot, with a sole and perhaps a heel."""
    u = art.rng.uniform
    height, shaft, tip = u(0.65, 1.3), u(0.38, 0.56), u(0.16, 0.32)
    lean, instep, thick = u(-0.06, 0.06), u(0.3, 0.42), u(0.05, 0.12)
    heel = u(0.04, 0.14) if art.rng.random() < 0.5 else 0
    back, front = (lean, -height), (shaft + lean, -height * u(0.95, 1.03))
    ankle, toe = (shaft + u(-0.05, 0.03), -instep - 0.06), (0.88, -tip)
    floor: list[Point] = [(u(0.95, 1), 0)]
    if heel:
        floor += [(0.4, 0), (0.37, -heel), (0.3, -heel), (0.28, 0)]
    if art.rng.random() < 0.6:
        art.line((0, 0), back, front)
        art.curve(front, ankle, (0.68, -tip * 1.15), toe, (1, -tip * 0.5), floor[0])
        art.line(floor[0], *floor[1:], (0, 0))
    else:
        outline(art, [(0, 0), back, front, ankle, toe, (1, -tip * 0.5)], floor)
    cuff, zip_x, middle = height * u(0.75, 0.9), shaft * u(0.3, 0.6), shaft / 2 + lean
    draw_some(
        art,
        (0.5, stroke((0, -thick - heel), (1, -thick - heel))),
        (0.4, laces((front[0], -height * 0.9), (ankle[0] + 0.08, ankle[1]))),
        (0.3, stroke((lean, -cuff), (shaft + lean, -cuff))),
        (0.15, lambda art: art.ellipse(middle, -height, shaft / 2, 0.06)),
        (0.15, zipper((zip_x, -height), (zip_x, -0.2))),
        (0.12, curve((zip_x, -height), (zip_x + 0.02, -0.35), (zip_x + 0.12, -0.35),
                      (zip_x + 0.14, -height))),
        (0.2, curve((0.76, -thick), (0.74, -tip * 0.7), (0.8, -tip))),
        (0.1, lambda art: art.ellipse(lean, -height, 0.04, 0.09)),
        (0.1, stroke((0, -instep), (shaft * 0.6, -instep * 0.9), ankle)),
    )  # fmt: skip


def heeled_boot(art: LineArt) -> None:
    """A boot with a high heel, thin or thick."""
    u = art.rng.uniform
    lift, shaft, rise = u(0.18, 0.4), u(0.3, 0.45), u(0.5, 1.0)
    top, tip, thick = -lift - rise, u(0.08, 0.18), u(0.05, 0.2)
    lean = u(-0.05, 0.05)
    upper = [(0, -lift), (0.03 + lean, top), (shaft + lean, top * u(0.97, 1.03))]
    upper += [(shaft - 0.02, -lift - 0.25), (0.7, -tip - 0.1), (1, -tip * 0.6), (u(0.98, 1.08), 0)]
    art.line(*upper[:3])
    art.curve(*upper[2:])
    art.curve(upper[-1], (0.65, 0), (thick + 0.12, -lift * 0.75), (thick, -lift))
    art.line((0, -lift), (thick * u(0, 0.4), 0), (thick * u(0.6, 0.9), 0), (thick, -lift))
    draw_some(
        art,
        (0.25, stroke((lean, top * 0.9), (shaft + lean, top * 0.9))),
        (0.2, zipper((shaft * 0.5, top), (shaft * 0.5, -lift - 0.1))),
        (0.2, laces((shaft + lean, top * 0.95), (shaft + 0.05, -lift - 0.2))),
        (0.15, curve((0, -lift), (0.4, -lift * 0.6), (0.65, -0.06), (1, -0.06))),
    )


def zipper(top: Point, bottom: Point) -> Detail:
    """A line, often with teeth."""

    def draw(art: LineArt) -> None:
        art.line(top, bottom)
        if art.rng.random() < 0.4:
            for x, y in points_along(top, bottom, 5)[1:]:
                art.line((x - 0.03, y), (x + 0.03, y))

    return draw


def sole_above(art: LineArt, width: float) -> None:
    """The outline of a sole, from an egg to the shape of a foot."""
    u = art.rng.uniform
    heel, waist, bend = width * u(0.65, 1), width * u(0.55, 1), u(-0.08, 0.08)
    waist = min(waist, heel)
    left = [(-width * 0.6, -0.93), (-width, -0.5), (-waist, 0.25)]
    back = [(-heel, 0.7), (-heel * 0.6, 0.95), (heel * 0.6, 0.95), (heel, 0.7)]
    right = [(waist + bend, 0.25), (width, -0.5), (width * 0.6, -0.93)]
    if art.rng.random() < 0.12:
        art.polygon((-width, -1), (-heel, 1), (heel, 1), (width, -1))
    else:
        art.curve((u(-0.1, 0.1), -1), *left, *back, *right, closed=True)


def sneaker_above(art: LineArt) -> None:
    """A closed shoe from above: the foot's opening, and laces in front of it."""
    u = art.rng.uniform
    width = u(0.32, 0.45)
    sole_above(art, width)
    top, half = u(-0.1, 0.2), width * u(0.5, 0.75)
    art.ellipse(0, (top + 0.9) / 2, half, (0.85 - top) / 2)
    draw_some(
        art,
        (0.9, laces((0, top - 0.05), (0, -0.5))),
        (0.4, curve((-width * 0.9, -0.6), (0, u(-0.75, -0.5)), (width * 0.9, -0.6))),
        (0.2, curve((-half, top), (-half * 0.8, -0.5), (half * 0.8, -0.5), (half, top))),
    )
