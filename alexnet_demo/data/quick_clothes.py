"""Trousers and tops as people draw them in a few seconds."""

from __future__ import annotations

import numpy as np

from alexnet_demo.data.garment_details import Cut, Point, between, mirrored, sleeve_end
from alexnet_demo.data.line_art import LineArt


def quick_trousers(art: LineArt) -> None:
    """Trousers from the front, walking, or from the side, in `trouser_drawings`' coordinates."""
    kinds = (bridge, walking, leggings, one_leg)
    kinds[art.rng.choice(len(kinds), p=[0.45, 0.3, 0.15, 0.1])](art)


def bridge(art: LineArt) -> None:
    """An arch over an arch, wide and short or long; without hems in some, or with lines open."""
    rng, u = art.rng, art.rng.uniform
    wide, long = u(0.45, 0.9), u(0.6, 1.2) if rng.random() < 0.6 else u(1.2, 2.4)
    spread = wide + rng.choice([0.0, 1.0]) * u(-0.1, 0.3) * long
    gap = spread * u(0.08, 0.6)
    crotch = u(0.25, 0.6) * long
    outer = [(-spread, long), (-wide, 0.0), (wide, 0.0), (spread, long + rng.normal(0, 0.04))]
    inner = [(gap, long), (u(0.3, 1) * gap, 1.05 * crotch), (0.0, crotch)]
    inner += [(-u(0.3, 1) * gap, 1.05 * crotch), (-gap, long)]
    rounded, style = rng.random() < 0.5, rng.random()
    inside = inner if rounded else [inner[0], inner[2], inner[4]]
    if style < 0.45 and not rounded:
        art.polygon(*outer, *inside)
    elif style < 0.45:
        art.curve(*outer, *inside, closed=True)
    else:
        art.curve(*outer) if rng.random() < 0.2 else art.line(*outer)
        art.curve(*inside) if rounded else art.line(*inside)
        for side in (outer[-1], inside[0]), (inside[-1], outer[0]):
            if rng.random() < (0.8 if style < 0.7 else 0.1):
                art.line(*side)
    band = u(0.06, 0.2)
    if rng.random() < 0.3:
        art.line((-wide * u(0.95, 1.1), band), (wide * u(0.95, 1.1), band))
    if rng.random() < 0.2:
        art.line((0, u(0, band)), (0, crotch))


def leg(art: LineArt, hip: Point, turns: tuple[float, float], wide: float, taper: float) -> None:
    """One leg from the hip down, bent at the knee, open or closed at its end, perhaps a foot.

    Args:
        art: to draw on.
        hip: the middle of its upper end; it is about 1.6 long.
        turns: of the thigh and the lower leg, degrees from straight down toward the right.
        wide: half its width at the hip.
        taper: width at the end, relative to that.
    """
    rng, u = art.rng, art.rng.uniform
    ways = [np.array([np.sin(turn), np.cos(turn)]) for turn in np.radians(turns)]
    knee = np.add(hip, 0.8 * ways[0])
    end = knee + u(0.6, 0.9) * ways[1]
    sides = []
    for side in (-1, 1):
        across = [side * wide * np.array([way[1], -way[0]]) for way in ways]
        joint = knee + (0.5 + taper / 2) * (across[0] + across[1]) / 2
        sides.append([tuple(hip + across[0]), tuple(joint), tuple(end + taper * across[1])])
    left, right = sides
    draw = art.curve if rng.random() < 0.4 else art.line
    if rng.random() < 0.5:  # in one line
        draw(*left, *right[::-1])
    else:
        draw(*left)
        draw(*right)
        if rng.random() < 0.6:
            art.line(left[-1], right[-1])
    if rng.random() < 0.15:
        x, y = end
        long, side = u(0.15, 0.4), rng.choice([-1, 1])
        if rng.random() < 0.5:
            art.ellipse(x + side * long / 2, y + 0.07, long, u(0.05, 0.12))
        else:
            art.line(left[-1], (left[-1][0], y + 0.15), (x + side * long, y + 0.15), right[-1])


def waist(art: LineArt, left: float, right: float) -> None:
    """A line or band along the upper edge."""
    band = art.rng.uniform(-0.2, 0.1)
    art.line((left, 0), (right, 0))
    if art.rng.random() < 0.4:
        art.line((left, 0), (left, band), (right, band), (right, 0))


def walking(art: LineArt) -> None:
    """Two legs apart, bent, or one in front of the other."""
    rng, u = art.rng, art.rng.uniform
    wide, taper, apart = u(0.16, 0.32), u(0.6, 1.3), rng.choice([u(0, 15), u(10, 40)])
    hip = wide * u(0.3, 1.0)
    bends = rng.normal(0, rng.choice([3, 20]), 2)
    for side, bend in zip((-1, 1), bends, strict=True):
        turn = side * apart + rng.normal(0, 4)
        leg(art, (side * hip, 0.0), (turn, turn + bend), wide, taper)
    waist(art, -hip - wide, hip + wide)


def leggings(art: LineArt) -> None:
    """Tight legs side by side that become narrower."""
    wide, apart = art.rng.uniform(0.16, 0.24), art.rng.uniform(0, 6)
    taper = art.rng.uniform(0.4, 0.7)
    for side in (-1, 1):
        leg(art, (side * wide, 0.0), (side * apart, side * apart * 0.5), wide, taper)
    waist(art, -2 * wide, 2 * wide)


def one_leg(art: LineArt) -> None:
    """From the side, where one leg hides the other one."""
    rng = art.rng
    wide = rng.uniform(0.25, 0.45)
    leg(art, (0.0, 0.0), (rng.normal(0, 6), rng.normal(0, 10)), wide, rng.uniform(0.5, 1.1))
    waist(art, -wide, wide)
    if rng.random() < 0.4:
        art.curve((wide * 0.1, 0.05), (wide * 0.2, 0.3), (wide, 0.4))


def quick_top(art: LineArt, cut: Cut) -> None:
    """The outline of a top with sleeves: open below, of separate parts, or like an icon."""
    kinds = (open_below, parts, icon)
    kinds[art.rng.choice(len(kinds), p=[0.35, 0.4, 0.25])](art, cut)


def open_below(art: LineArt, cut: Cut) -> None:
    """Shoulders, sleeves, and sides that end where they do, without a hem."""
    rng, (outer, inner) = art.rng, sleeve_end(cut)
    armpit, end = (cut.chest, cut.slope + cut.armhole), (cut.chest * cut.hem, cut.length)
    draw = art.curve if rng.random() < 0.4 else art.line
    cuffed = rng.random() < 0.7
    for side in (-1, 1):
        stop = between(armpit, end, rng.uniform(0.3, 1.05))
        above = [(side * x, y) for x, y in ((cut.neck, 0.0), (cut.shoulder, cut.slope), outer)]
        below = [(side * x, y) for x, y in (inner, armpit, stop)]
        if cuffed:
            draw(*above, *below)
        else:
            draw(*above)
            draw(*below)


def parts(art: LineArt, cut: Cut) -> None:
    """The body as one shape, and each sleeve as another one that overlaps it."""
    rng, u = art.rng, art.rng.uniform
    half, hem, power = cut.chest, cut.chest * cut.hem, u(0.4, 1.0)
    if rng.random() < 0.65:
        art.polygon((-half, 0), (half, 0), (hem, cut.length), (-hem, cut.length))
    else:
        angle = np.linspace(0, 2 * np.pi, 33)
        x, y = (np.sign(w) * np.abs(w) ** power for w in (np.cos(angle), np.sin(angle)))
        art.stroke(np.stack([half * x, cut.length / 2 * (1 + y)], 1))
    cos, sin = np.cos(np.radians(cut.angle)), np.sin(np.radians(cut.angle))
    thick, inside = u(0.5, 0.75) * cut.armhole, u(-0.05, 0.3)
    start, round_end = -inside, rng.random() < 0.35
    for side in (-1, 1):
        long = cut.sleeve * u(0.9, 1.1)
        if round_end:
            at = (start + long) / 2
            x, y = half + at * cos - thick / 2 * sin, cut.slope + at * sin + thick / 2 * cos
            art.ellipse(side * x, y, (long + inside) / 2, thick / 2, turn=side * cut.angle)
            continue
        end = thick * u(0.7, 1.2)
        corners = ((start, 0.0), (long, 0.0), (long, end), (start, thick))
        sleeve = [(half + a * cos - b * sin, cut.slope + a * sin + b * cos) for a, b in corners]
        points = [(side * x, y) for x, y in sleeve]
        art.polygon(*points) if rng.random() < 0.6 else art.line(*points)


def icon(art: LineArt, cut: Cut) -> None:
    """Straight lines; the body and the sleeves are as wide at their ends as above."""
    cos, sin = np.cos(np.radians(cut.angle)), np.sin(np.radians(cut.angle))
    wide, chest = min(cut.cuff, cut.armhole), 0.9 * cut.shoulder
    outer = cut.shoulder + cut.sleeve * cos, cut.slope + cut.sleeve * sin
    inner = outer[0] - wide * sin, outer[1] + wide * cos
    # The lower edge of the sleeve, parallel to the upper one, meets the body's side.
    back = (inner[0] - chest) / max(cos, 0.2)
    armpit = chest, max(inner[1] - back * sin, cut.slope + 0.15)
    right = [
        (cut.neck, 0.0),
        (cut.shoulder, cut.slope),
        outer,
        (max(inner[0], chest + 0.02), inner[1]),
    ]
    right += [armpit, (chest, cut.length)]
    if art.rng.random() < 0.2:
        mirrored(art, *right)
    else:
        art.line(*right, *((-x, y) for x, y in right[::-1]))


def hood_behind(art: LineArt, cut: Cut) -> None:
    """A hood as a rectangle, trapezoid, or arch behind the neck."""
    u = art.rng.uniform
    wide, high = cut.neck * u(0.9, 1.4), u(0.15, 0.5)
    narrow = wide * u(0.6, 1.2)
    points = ((-wide, 0.02), (-narrow, -high), (narrow, -high), (wide, 0.02))
    art.line(*points) if u() < 0.7 else art.curve(*points)
