"""Line drawings of trousers and shorts.

The waist is at y = 0 with y down, and the middle at x = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet_demo.data.garment_details import Point, between, mirrored
from alexnet_demo.data.line_art import LineArt

SHORTS = 0.25  # share


@dataclass(frozen=True)
class Trousers:
    """Half the width at the waist and hip, the depth of the crotch, and a leg's lower end.

    Attributes:
        outer: x of the right leg's outer edge at its lower end; ``inner`` likewise.
    """

    waist: float
    hip: float
    crotch: float
    length: float
    outer: float
    inner: float


def random_trousers(rng: np.random.Generator) -> Trousers:
    """Narrow or wide, long or short, legs apart or side by side."""
    length = rng.uniform(0.8, 1.4) if rng.random() < SHORTS else rng.uniform(1.6, 2.8)
    hip, crotch = rng.uniform(0.45, 0.65), min(rng.uniform(0.45, 0.8), 0.7 * length)
    apart = rng.choice([0, 0.15, 0.36]) * rng.random()
    outer = hip + apart * (length - crotch)
    inner = max(outer - rng.uniform(0.16, 0.55), 0.05)
    return Trousers(rng.uniform(0.35, 0.6), hip, crotch, length, outer, inner)


def draw_trousers(art: LineArt) -> None:
    """An outline in one stroke or several, and some details."""
    cut, rng = random_trousers(art.rng), art.rng
    draw = art.curve if rng.random() < 0.3 else art.line
    knee = ((cut.hip + cut.outer) / 2 + rng.uniform(-0.15, 0.12), (cut.crotch + cut.length) / 2)
    bent = rng.random() < 0.2
    side: list[Point] = [(cut.waist, 0), (cut.hip, 0.6 * cut.crotch), *[knee] * bent]
    leg = [(cut.outer, cut.length), (cut.inner, cut.length + rng.normal(0, 0.02))]
    crotch = (rng.choice([0.0, 0.15]) * rng.random(), cut.crotch)  # flat in some
    style = rng.choice(["one", "legs", "line"], p=[0.65, 0.25, 0.1])
    if style == "one":
        right = [*side, *leg, crotch]
        draw(*((-x, y) for x, y in right), *right[::-1])
    elif style == "legs":
        mirrored(art, *side, *leg)
        draw((-leg[1][0], leg[1][1]), (-crotch[0], cut.crotch), crotch, leg[1])
    else:  # one line between the legs
        mirrored(art, *side, (cut.outer, cut.length), (0.02, cut.length))
        art.line((0, cut.crotch), (0, cut.length))
    if rng.random() < 0.8:
        art.curve((-cut.waist, 0), (0, rng.normal(0.02, 0.04)), (cut.waist, 0))
    else:
        art.ellipse(0, 0, cut.waist, rng.uniform(0.04, 0.16))
    add_details(art, cut)


def add_details(art: LineArt, cut: Trousers) -> None:
    """Some of waistband, fly, button, pockets, turn-ups, and creases."""
    rng = art.rng
    band, many = rng.uniform(0.1, 0.2), rng.uniform(0.2, 1.5)
    chances = np.array([0.45, 0.4, 0.2, 0.2, 0.35, 0.2, 0.12])
    waistband, fly, bow, button, pockets, turn_ups, creases = rng.random(7) < chances * many
    hem, hip, middle = (cut.outer, cut.length), (cut.hip, cut.crotch), (cut.inner + cut.outer) / 2
    if waistband:
        art.line((-cut.waist - 0.02, band), (cut.waist + 0.02, band))
    if fly:
        art.line((0, band), (0, cut.crotch))
    if fly and bow:
        art.curve((0.13, band), (0.12, 0.7 * cut.crotch), (0, 0.9 * cut.crotch))
    if button:
        art.dot(0, band / 2)
    if pockets:
        edge = (0.55 * cut.waist, band), (0.6 * cut.hip, 0.4), (cut.hip - 0.03, 0.5)
        mirrored(art, *edge, curved=True)
    if turn_ups:
        up = 0.1 / max(cut.length - cut.crotch, 0.2)
        inside = between((cut.inner, cut.length), (0, cut.crotch), up)
        mirrored(art, between(hem, hip, up), inside)
    if creases:
        mirrored(art, (middle, cut.length), between((middle, cut.length), (0.3, cut.crotch), 0.8))
