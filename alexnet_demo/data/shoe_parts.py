"""The form of shoes: slices, bands, and their gray levels, of which `shoe_models` builds shoes.

Coordinates of a shoe: x across, y from the heel (0) to the tip (1), z up, in lengths of the shoe.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

ALONG = (1 - np.cos(np.linspace(0, np.pi, 22))) / 2  # y of an outline's points, denser at the ends
MIN_HALF_WIDTH = 0.004  # of a slice, lengths of the shoe
Vector = tuple[float, float, float]
UP, FORWARD = (0.0, 0.0, 1.0), (0.0, 0.7, 0.7)


class Part(NamedTuple):
    """A polygon on a shoe, or a slice of it.

    Attributes:
        points: (N, 3); of a slice (2, N, 3), its lower and its upper outline.
        tone: gray level, 0 to 1.
        facing: what must face the camera for the part to be visible; zero if it always is.
    """

    points: np.ndarray
    tone: float
    facing: Vector = (0, 0, 0)


class Tones:
    """The gray levels of one shoe's materials: most of them close to that of the whole."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        # Around the middle: `photos.change_contrast` sets the level, and would saturate the rest.
        self.body = rng.uniform(0.15, 0.55)
        self.spread = rng.uniform(0.05, 0.35)
        self.inside = self.other(0.1)

    def other(self, least: float = 0.0) -> float:
        """Another material's gray level, by at least ``least`` lighter or darker than the body's.

        Args:
            least: at most 0.5, so that there is room on one side.
        """
        offset = self.rng.normal(0, self.spread)
        offset += np.copysign(least, offset)
        if not 0 <= self.body + offset <= 1:
            offset = -offset
        return float(np.clip(self.body + offset, 0, 1))

    def maybe_other(self, chance: float) -> float:
        """`other` with a probability, else the body's."""
        return self.other() if self.rng.random() < chance else self.body


class Last:
    """The form that a shoe is built around, as a shoemaker's.

    Attributes:
        half_width: of the sole at each of `ALONG`, (22,).
        middle: x of the center line there: feet bend inward.
        base: z of the sole's lower side there: a heel lifts it.
        heel: height of the heel, lengths of the shoe.
    """

    def __init__(self, rng: np.random.Generator, heel: float) -> None:
        width = rng.uniform(0.15, 0.23)
        heel_width = width * rng.uniform(0.65, 0.95)
        waist = min(width * rng.uniform(0.6, 0.9), heel_width)
        tip = width * rng.uniform(0.7, 0.95)
        widths = [heel_width, heel_width, waist, width, tip]
        blunt, round_heel = rng.uniform(1.6, 4), rng.uniform(2, 3.5)
        ends = _rounded((ALONG - 0.72) / 0.28, blunt) * _rounded((0.18 - ALONG) / 0.18, round_heel)
        self.half_width = np.interp(ALONG, [0, 0.15, 0.4, 0.7, 1], widths) * ends
        self.middle = rng.uniform(-0.02, 0.1) * (ALONG - 0.3).clip(0) ** 1.5
        slope = np.interp(ALONG, [0, 0.2, 0.65, 1], [1, 0.95, 0, 0.06 * rng.random()])
        self.base, self.heel = heel * slope, heel

    def surface(self, y: np.ndarray, across: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Points (…, 3): ``across`` is -1 to 1 from edge to edge, z counts from the sole."""
        middle, half = np.interp(y, ALONG, self.middle), np.interp(y, ALONG, self.half_width)
        return np.stack([middle + across * half, y, z + np.interp(y, ALONG, self.base)], -1)

    def slabs(
        self,
        low: np.ndarray | float,
        high: np.ndarray | float,
        scale: np.ndarray | float = 1.0,
        span: tuple[float, float] = (0, 1),
    ) -> np.ndarray:
        """Slices of the shoe, (Z, 2, 44, 3): each one's lower and upper outline.

        Args:
            low: heights of the lower outlines above the sole's lower side, (Z,); ``high`` of the
                upper ones.
            scale: their width relative to the sole's at each of `ALONG`, (Z, 22).
            span: the y where the slices begin and end.
        """
        half = np.atleast_2d(self.half_width * scale)
        inside = (half > MIN_HALF_WIDTH) & (span[0] <= ALONG) & (span[1] >= ALONG)
        first, last = inside.argmax(1), len(ALONG) - 1 - inside[:, ::-1].argmax(1)
        rows = np.arange(len(ALONG)).clip(first[:, None], last[:, None])
        half = np.take_along_axis(half, rows, 1)
        rows, half = np.hstack([rows, rows[:, ::-1]]), np.hstack([half, -half[:, ::-1]])
        outlines = np.stack([self.middle[rows] + half, ALONG[rows], self.base[rows]], 2)
        slabs = np.stack([outlines, outlines], 1)
        slabs[:, 0, :, 2] += np.reshape(low, (-1, 1))
        slabs[:, 1, :, 2] += np.reshape(high, (-1, 1))
        return slabs

    def arch(self, ends: tuple[float, float], height: float) -> np.ndarray:
        """A curve (9, 3) across the foot from the sole's one edge to the other.

        Args:
            ends: y at the right and at the left edge.
            height: of the middle above the sole.
        """
        angle = np.linspace(0, np.pi, 9)
        y = np.interp(angle, [0, np.pi], ends)
        return self.surface(y, 1.03 * np.cos(angle), height * np.sin(angle) ** 0.8)


def _rounded(beyond: np.ndarray, exponent: float) -> np.ndarray:
    """1 down to 0 along a superellipse's quarter, where ``beyond`` goes from 0 to 1."""
    return (1 - beyond.clip(0, 1) ** exponent) ** 0.5


def ribbon(edges: Iterable[np.ndarray], tone: float, facing: Vector = (0, 0, 0)) -> list[Part]:
    """The bands between two curves, or arrays of curves, (…, N, 3), as quadrilaterals."""
    one, other = edges
    quads = np.stack([one[..., :-1, :], one[..., 1:, :], other[..., 1:, :], other[..., :-1, :]], -2)
    return [Part(quad, tone, facing) for quad in quads.reshape(-1, 4, 3)]


def sole(last: Last, thickness: float, tones: Tones) -> list[Part]:
    """The sole and, if lifted, the block under its heel."""
    tone, parts = tones.maybe_other(0.5), []
    if last.heel > 0.04:
        span = (0, tones.rng.uniform(0.12, 0.35))
        block = last.slabs(0, 0, tones.rng.uniform(0.5, 1), span)
        block[0, 0, :, 2] = 0
        parts.append(Part(block[0], tone))
    return [*parts, Part(last.slabs(0, thickness, tones.rng.uniform(1.02, 1.15))[0], tone)]
