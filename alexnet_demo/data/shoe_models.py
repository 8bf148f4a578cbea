"""Sandals, sneakers, and ankle boots as solids, in all their variety.

A shoe is a list of `Part`s: a stack of thin slices from the sole to the collar, then straps, laces,
and other things on its surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet_demo.data.batch_random import Label
from alexnet_demo.data.shoe_parts import (
    ALONG,
    FORWARD,
    UP,
    Last,
    Part,
    Tones,
    ribbon,
    sole,
)

CIRCLE = np.linspace(0, 2 * np.pi, 20, endpoint=False)


def shoe(label: Label, rng: np.random.Generator) -> list[Part]:
    """A left shoe of one of `SHOES`, from its lowest part to its highest."""
    if label == Label.SANDAL:
        return sandal(rng)
    upper = ankle_boot(rng) if label == Label.ANKLE_BOOT else sneaker(rng)
    return [
        *sole(upper.last, upper.thickness, upper.tones),
        *upper.slices(),
        *upper.opening(),
        *upper.fastening(),
        *upper.sides(),
    ]


def sneaker(rng: np.random.Generator) -> Upper:
    """A shoe that ends below the ankle, in some cases above it."""
    vamp, tip, throat = rng.uniform(0.17, 0.23), rng.uniform(0.1, 0.15), rng.uniform(0.4, 0.58)
    collar = rng.uniform(0.2, 0.32) if rng.random() < 0.9 else rng.uniform(0.35, 0.45)
    heights = [collar, collar * rng.uniform(0.65, 0.95), vamp + rng.uniform(0.04, 0.12), vamp, tip]
    last = Last(rng, heel=rng.uniform(0, 0.04))
    return Upper(last, Tones(rng), rng.uniform(0.02, 0.12), throat, 1, tuple(heights), False)


def ankle_boot(rng: np.random.Generator) -> Upper:
    """A shoe with a shaft, flat or with a heel."""
    vamp, tip, throat = rng.uniform(0.16, 0.24), rng.uniform(0.1, 0.16), rng.uniform(0.36, 0.48)
    collar = rng.uniform(0.4, 0.75) if rng.random() < 0.8 else rng.uniform(0.75, 1.3)
    heights = [*(collar * rng.uniform(0.93, 1.05, 3)), vamp, tip]
    last = Last(rng, heel=rng.uniform(0.05, 0.3) if rng.random() < 0.4 else 0)
    slim = rng.uniform(0.7, 1.0)
    return Upper(last, Tones(rng), rng.uniform(0.02, 0.12), throat, slim, tuple(heights), True)


@dataclass
class Upper:
    """A closed shoe above its sole.

    Attributes:
        last: the shoe's form.
        tones: gray levels of its materials.
        thickness: of the sole.
        throat: y where the opening ends.
        slim: width of the shaft, relative to the sole.
        heights: of the collar at the heel, at the ankle, and at the throat, of the upper over the
            ball of the foot, and over the toes.
        boot: whether it has a shaft.
    """

    last: Last
    tones: Tones
    thickness: float
    throat: float
    slim: float
    heights: tuple[float, ...]
    boot: bool

    def __post_init__(self) -> None:
        self.rng = self.tones.rng
        heel, ankle, front, vamp, tip = self.heights
        instep = min(vamp + self.rng.uniform(0.02, 0.1), front)
        knots = [0, 0.22, self.throat, self.throat + 0.08, 0.75, 0.93, 1]
        self.height = np.interp(ALONG, knots, [heel, ankle, front, instep, vamp, tip, tip * 0.6])

    def slices(self) -> list[Part]:
        """The upper from the sole to the collar, with its toe cap and cuff."""
        rng, tones, top = self.rng, self.tones, self.height.max()
        cap, cap_tone = rng.uniform(0.75, 0.92), tones.maybe_other(0.35)
        cuff, cuff_tone = top * rng.uniform(0.7, 0.95), tones.maybe_other(0.3)
        # Steep around the foot's opening, rounded over the toes.
        steep = np.interp(ALONG, [0, self.throat, self.throat + 0.1, 1], [9, 9, 3, 2.2])
        levels = np.linspace(0, top, 15 if self.boot else 11)
        low, high = levels[:-1, None], levels[1:, None]
        scale = (1 - (low / self.height).clip(0, 1) ** steep) ** 0.5
        scale *= np.interp(low, [0.15, 0.35], [1, self.slim])
        scale *= np.where(low > cuff, rng.uniform(1, 1.15) if self.boot else 1, 1)
        edges = self.thickness + low, self.thickness + high
        slabs = self.last.slabs(*edges, scale)
        caps = self.last.slabs(*edges, scale, (cap, 1))
        capped = scale[:, cap <= ALONG].max(1) > 0.1
        shades = 1 - rng.uniform(0, 0.25) * (1 - levels / top)
        parts = []
        for level, shade in enumerate(shades[:-1]):
            tone = cuff_tone if levels[level] > cuff else tones.body
            parts.append(Part(slabs[level], tone * shade))
            if cap_tone != tones.body and capped[level]:
                parts.append(Part(caps[level], cap_tone * shade))
        return parts

    def on_top(self, y: np.ndarray, across: np.ndarray, above: float = 0.0) -> np.ndarray:
        """Points (…, 3) on the upper, seen from above."""
        height = np.interp(y, ALONG, self.height) * (1 - 0.6 * across**2) ** 0.4
        return self.last.surface(y, across, self.thickness + height + above)

    def opening(self) -> list[Part]:
        """The collar's opening, and often the insole in it."""
        parts, half = [], self.throat / 2
        wide = self.slim * np.interp(0.2, ALONG, self.last.half_width)
        rings = ((0.88, self.tones.inside), (0.6, self.tones.other()))
        for scale, tone in rings[: self.rng.integers(1, 3)]:
            points = self.on_top(half + scale * half * np.cos(CIRCLE), np.zeros(len(CIRCLE)))
            points[:, 0] += scale * wide * np.sin(CIRCLE)
            parts.append(Part(points, tone, UP))
        return parts

    def fastening(self) -> list[Part]:
        """Laces or hook-and-loop bands across a tongue, or nothing."""
        rng, tones = self.rng, self.tones
        none, bands = (0.45, 0.52) if self.boot else (0.2, 0.3)
        if (kind := rng.random()) < none:
            return []
        start = self.throat - (rng.uniform(0, 0.1) if self.boot else -0.02)
        stop = max(start, self.throat) + rng.uniform(0.12, 0.3)
        parts = []
        if rng.random() < 0.6:
            y, wide = np.linspace(self.throat - 0.06, stop, 5), rng.uniform(0.25, 0.5)
            edges = (self.on_top(y, np.full(5, side * wide)) for side in (-1, 1))
            parts += ribbon(edges, tones.other(), FORWARD)
        rows = rng.integers(1, 4) if kind < bands else rng.integers(3, 8)
        width = rng.uniform(0.1, 0.2) / rows if kind < bands else rng.uniform(0.01, 0.03)
        tone, wide = tones.other(0.12), rng.uniform(0.35, 0.7)
        skew = rng.uniform(0, 0.04) if rng.random() < 0.5 else 0
        y = np.linspace(start, stop, rows)[:, None]
        across = np.tile(np.linspace(-wide, wide, 4), (int(rows), 1))
        for slant in {-skew, skew}:
            line = y + slant * across / wide
            edges = (self.on_top(line + d, across, 0.01) for d in (-width, width))
            parts += ribbon(edges, tone, FORWARD)
        if kind > bands and rng.random() < 0.4:
            parts += self.bow(tone)
        return parts

    def bow(self, tone: float) -> list[Part]:
        """Two loops of the laces, lying loosely."""
        knot, parts = self.on_top(np.array([self.throat]), np.zeros(1), 0.02), []
        for side in (-1, 1):
            x, y = side * self.rng.uniform(0.06, 0.16), self.rng.uniform(-0.12, 0.08)
            along, aside = np.array([x, y, 0]), np.array([-y, x, 0]) * 0.4
            loop = knot + np.array([0, 0.6, 1, 0.6, 0])[:, None] * along
            loop += np.array([0, 1, 0, -1, 0])[:, None] * aside
            parts += ribbon((loop, loop + np.array([0.01, 0.02, 0])), tone)
        return parts

    def sides(self) -> list[Part]:
        """Stripes or a swoosh, an elastic panel or a zip, on both sides of some shoes."""
        rng, parts = self.rng, []
        kind, tone = rng.random(), self.tones.other(0.1)
        lines: list[tuple[float, float, float]] = []  # y at the sole, y at the top, half the width
        if self.boot and kind < 0.4:
            width = rng.uniform(0.05, 0.09) if kind < 0.2 else 0.012
            lines = [(self.throat * 0.6, self.throat * 0.55, width)]
        elif not self.boot and kind < 0.3:
            lean, width = rng.uniform(-0.15, 0.05), rng.uniform(0.012, 0.03)
            lines = [(y, y + lean, width) for y in 0.42 + 0.09 * np.arange(rng.integers(1, 4))]
        elif not self.boot and kind < 0.5:
            lines = [(rng.uniform(0.6, 0.8), rng.uniform(0.1, 0.3), rng.uniform(0.02, 0.05))]
        up = np.linspace(0.1, 0.85, 5)
        for low, high, width in lines:
            y = np.linspace(low, high, 5)
            z = up * np.interp(y, ALONG, self.height) + self.thickness
            for side in (-1, 1):
                across = side * np.interp(z, [0.15, 0.35], [1, self.slim]) * (1 - 0.35 * up**3)
                edges = (self.last.surface(y + d, across, z) for d in (-width, width))
                parts += ribbon(edges, tone, (side, 0, 0.3))
        return parts


def sandal(rng: np.random.Generator) -> list[Part]:
    """A sole with straps, between which the footbed shows."""
    tones = Tones(rng)
    last = Last(rng, heel=rng.uniform(0.05, 0.35) if rng.random() < 0.25 else 0)
    thickness, tone = rng.uniform(0.03, 0.14), tones.other(0.15)
    footbed = last.slabs(thickness, thickness, rng.uniform(0.8, 0.98))[0, 0]
    parts = [*sole(last, thickness, tones), Part(footbed, tones.body)]
    kind = rng.random()
    if kind < 0.25:
        straps = thong(last, rng, tone)
    elif kind < 0.5:  # a slide, in some cases closed over the toes
        front = rng.uniform(0.78, 0.9) if rng.random() < 0.8 else 0.98
        straps = band(last, front, rng.uniform(0.45, 0.65), rng.uniform(0.14, 0.24), tone)
        if rng.random() < 0.4:
            straps += band(last, front - 0.06, front - 0.1, 0.24, tones.other(0.1))
    else:
        straps = bands(last, rng, tone)
    if kind > 0.45 and rng.random() < 0.7:
        straps += ankle_straps(last, rng, tone)
    lift = np.array([0, 0, thickness])
    return parts + [part._replace(points=part.points + lift) for part in straps]


def band(
    last: Last, front: float, back: float, height: float, tone: float, skew: float = 0
) -> list[Part]:
    """A band across the foot between two y; ``skew`` moves its right end ahead."""
    edges = (last.arch((y + skew, y - skew), height) for y in (back, front))
    return ribbon(edges, tone)


def bands(last: Last, rng: np.random.Generator, tone: float) -> list[Part]:
    """Two to four bands, straight, slanted, or crossed."""
    skews = {0.0}
    if rng.random() < 0.45:
        skew = rng.uniform(0.05, 0.2)
        skews = {skew, -skew} if rng.random() < 0.6 else {skew}
    parts, count = [], rng.integers(2, 5)
    wide = rng.uniform(0.05, 0.25) / count
    for y in np.linspace(rng.uniform(0.75, 0.9), rng.uniform(0.35, 0.6), count):
        height, own = rng.uniform(0.1, 0.16) + 0.2 * (0.85 - y), wide * rng.uniform(0.6, 1.4)
        for slant in sorted(skews):
            parts += band(last, y + own, y - own, height, tone, slant)
    return parts


def thong(last: Last, rng: np.random.Generator, tone: float) -> list[Part]:
    """The V of a flip-flop: from between the toes to both edges."""
    post, end, wide = rng.uniform(0.76, 0.88), rng.uniform(0.35, 0.6), rng.uniform(0.015, 0.06)
    t = np.linspace(0, 1, 7)
    y, z = post + (end - post) * t, rng.uniform(0.08, 0.2) * np.sin(np.pi * (0.2 + 0.8 * t))
    parts = []
    for side in (-1, 1):
        edges = (last.surface(y + d, side * t**0.8, z) for d in (-wide, wide))
        parts += ribbon(edges, tone)
    return parts


def ankle_straps(last: Last, rng: np.random.Generator, tone: float) -> list[Part]:
    """A strap around the heel, in some cases one over the ankle, and one along the instep."""
    start, height, wide = rng.uniform(0.25, 0.45), rng.uniform(0.1, 0.3), rng.uniform(0.015, 0.04)
    inward = np.linspace(start, 0.015, 6)
    y, across = np.concatenate([inward, inward[::-1]]), np.repeat([1.0, -1.0], 6)
    z = height * (1 - y / start) ** 0.6
    edges = (last.surface(y, across, (z + d).clip(0)) for d in (-wide, wide))
    parts = ribbon(edges, tone)
    if rng.random() < 0.6:
        ankle = start * 0.8
        parts += band(last, ankle + wide, ankle - wide, height + rng.uniform(0, 0.1), tone)
        if rng.random() < 0.3:
            y, z = np.linspace(ankle, 0.75, 6), np.linspace(height, 0.12, 6)
            edges = (last.surface(y, np.full(6, x), z) for x in (-0.1, 0.1))
            parts += ribbon(edges, tone)
    return parts
