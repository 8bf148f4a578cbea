"""Drawings made of strokes, as a person with an unsteady hand makes them.

`LineArt` draws what `images.redraw` makes of such a drawing on paper, without the detour over its
pixels: the strokes are known, so nothing has to be thinned.
"""

from __future__ import annotations

import cv2
import numpy as np

from alexnet_demo.images import redraw

SHADED = 0.66  # share of the drawings that are shaded inside, as in `drawings.SHADING`
STEP = 0.03  # between two points of a stroke, relative to the drawing's longest side
SUBPIXEL = 4  # binary digits after the point in OpenCV's coordinates
UNSTEADY = 0.006  # median standard deviation of the hand's drift, relative to the longest side
UNSTEADIEST = 0.025  # its greatest
DRIFT = (4, 12)  # points of a stroke, `STEP` apart, in which the drift changes
SLIP = 1.0  # displacement of a stroke as a whole, in standard deviations of the drift
GAP = 0.12  # greatest part of a stroke that is missing at its end
CARELESS = 0.25  # share of drawings whose strokes overshoot, miss each other, or are doubled
ANGULAR = 6  # most points of a stroke that a careless hand draws side by side, each by itself
STRAY = 0.04  # share of drawings with a scribble that belongs to nothing


class LineArt:
    """A drawing stroke by stroke, in any coordinates: x to the right, y down.

    Args:
        rng: decides how steady the hand is, and each stroke's slips and gaps.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.strokes: list[np.ndarray] = []
        self._filled: list[bool] = []

    def line(self, *points: tuple[float, float]) -> None:
        """A straight or angular stroke through points."""
        self.stroke(np.array(points))

    def polygon(self, *points: tuple[float, float]) -> None:
        """A closed angular stroke."""
        self.stroke(np.array([*points, points[0]]))

    def curve(self, *points: tuple[float, float], closed: bool = False) -> None:
        """A smooth stroke through points, by Catmull and Rom's spline."""
        self.stroke(smooth(np.array(points, float), closed))

    def ellipse(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        start: float = 0,
        end: float = 360,
        turn: float = 0,
    ) -> None:
        """An ellipse or an arc of it.

        Args:
            x: of the center; ``y`` likewise.
            width: from the center to the right edge; ``height`` to the lower edge.
            start: degrees, clockwise from the right; ``end`` likewise.
            turn: of the whole, degrees, clockwise.
        """
        angles = np.radians(np.linspace(start, end, 33))
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        points = np.stack([width * np.cos(angles), height * np.sin(angles)], 1)
        self.stroke(points @ np.array([[cos, sin], [-sin, cos]]) + (x, y))

    def dot(self, x: float, y: float) -> None:
        """A point as large as the pen."""
        self.stroke(np.array([[x, y], [x, y]]))

    def stroke(self, points: np.ndarray, filled: bool = False) -> None:
        """A stroke through points (N, 2); all of a closed one's inside if ``filled``."""
        self.strokes.append(np.asarray(points, float))
        self._filled.append(filled)

    def turn(self, degrees: float, aspect: float = 1.0, mirror: bool = False) -> None:
        """Rotate all strokes clockwise, after stretching them in x, and perhaps mirroring."""
        cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        stretch = -aspect if mirror else aspect
        matrix = np.array([[cos * stretch, sin * stretch], [-sin, cos]])
        self.strokes = [points @ matrix for points in self.strokes]

    def render(self, shaded: bool | None = None) -> np.ndarray:
        """The drawing as `redraw.render` leaves it: uint8 (SKETCH_SIDE, SKETCH_SIDE).

        Strokes are 255, the enclosed area `redraw.SHADE` where it is shaded, the rest 0. The
        longest side fills the image.

        Args:
            shaded: whether it is shaded inside; by chance if None.
        """
        strokes, skeleton = self._draw()
        shaded = self.rng.random() < SHADED if shaded is None else shaded
        inside = redraw.interior(strokes, skeleton) if shaded else np.zeros_like(strokes)
        return redraw.render(strokes, inside)

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Strokes of the standard pen and their skeleton, uint8 0 or 1 (CANVAS, CANVAS)."""
        everything = np.concatenate(self.strokes)
        low, high = everything.min(0), everything.max(0)
        extent = max(float((high - low).max()), 1e-9)
        unsteady = min(UNSTEADY * np.exp(self.rng.normal(0, 0.8)), UNSTEADIEST)
        scaled = [(p - (low + high) / 2) / extent for p in self.strokes]
        careless = self.rng.random() < CARELESS
        lines = [
            (self._by_hand(part, unsteady), filled)
            for points, filled in zip(scaled, self._filled, strict=True)
            for part in (self._carelessly(points) if careless and not filled else [points])
        ]
        if self.rng.random() < STRAY:
            lines.append((self._scribble(), False))
        # The hand's errors have moved the edges.
        everything = np.concatenate([points for points, _ in lines])
        low, high = everything.min(0), everything.max(0)
        reach, center = max(float((high - low).max()), 0.5), (low + high) / 2
        side = redraw.CANVAS - redraw.PEN
        strokes = np.zeros((redraw.CANVAS, redraw.CANVAS), np.uint8)
        skeleton = np.zeros_like(strokes)
        one = 1 << SUBPIXEL
        for points, filled in lines:
            placed = (points - center) / reach * side + redraw.CANVAS / 2
            pixels = np.round(placed * one).astype(np.int32)
            if filled:
                cv2.fillPoly(strokes, [pixels], 1, shift=SUBPIXEL)
            cv2.polylines(strokes, [pixels], False, 1, redraw.PEN, shift=SUBPIXEL)
            cv2.polylines(skeleton, [pixels], False, 1, 1, shift=SUBPIXEL)
        return strokes, skeleton

    def _carelessly(self, points: np.ndarray) -> list[np.ndarray]:
        """A stroke (N, 2) in parts that overshoot or stop too early, and twice in some places."""
        corners = len(points) - 2 if len(points) <= ANGULAR else 0
        if corners and self.rng.random() < 0.5:
            parts = [points[k : k + 2] for k in range(corners + 1)]
        else:
            parts = [points]
        parts = [extend(part, *self.rng.normal(0.01, 0.04, 2)) for part in parts]
        again = [part for part in parts if self.rng.random() < 0.15]
        return parts + [part + self.rng.normal(0, 0.03, 2) for part in again]

    def _scribble(self) -> np.ndarray:
        """A short curve to and fro."""
        walk = self.rng.normal(0, self.rng.uniform(0.02, 0.1), (self.rng.integers(3, 9), 2))
        return smooth(self.rng.uniform(-0.5, 0.5, 2) + walk.cumsum(0))

    def _by_hand(self, points: np.ndarray, unsteady: float) -> np.ndarray:
        """A stroke (N, 2) with a person's errors: drift, a slip as a whole, a gap at the end."""
        points = resample(points, STEP)
        count = len(points)
        drift = self.rng.normal(0, unsteady, (count // self.rng.integers(*DRIFT) + 2, 2))
        at = np.linspace(0, len(drift) - 1, count)
        wobble = [np.interp(at, np.arange(len(drift)), column) for column in drift.T]
        points = points + np.stack(wobble, 1) + self.rng.normal(0, SLIP * unsteady, 2)
        missing = int(count * self.rng.uniform(-2 * GAP, GAP))
        return points[: count - missing] if missing > 0 and count > 8 else points


def extend(points: np.ndarray, before: float, after: float) -> np.ndarray:
    """A stroke (N, 2) with its end points moved along it outward, or inward if negative."""
    points = points.copy()
    for end, beside, more in ((0, 1, before), (-1, -2, after)):
        way = points[end] - points[beside]
        length = np.hypot(*way)
        points[end] += way / max(length, 1e-9) * max(more, -0.5 * length)
    return points


def resample(points: np.ndarray, step: float) -> np.ndarray:
    """Points (N, 2) along a stroke, at most ``step`` apart; corners are kept nearly."""
    lengths = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0], lengths.cumsum()])
    # With duplicates: OpenCV draws a dot as two equal points, but not as one.
    even = np.linspace(0, along[-1], max(int(along[-1] / step), 1) + 1)
    at = np.sort(np.concatenate([even, along]))
    return np.stack([np.interp(at, along, column) for column in points.T], 1)


def smooth(points: np.ndarray, closed: bool = False, pieces: int = 6) -> np.ndarray:
    """A smooth curve through points (N, 2): a Catmull-Rom spline with ``pieces`` per segment."""
    ends = (points[-1:], points[:2]) if closed else (points[:1], points[-1:])
    control = np.concatenate([ends[0], points, ends[1]])
    p0, p1, p2, p3 = control[:-3], control[1:-2], control[2:-1], control[3:]
    t = np.linspace(0, 1, pieces, endpoint=False)[:, None, None]
    spline = (
        2 * p1
        + (p2 - p0) * t
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    ) / 2
    curve = spline.transpose(1, 0, 2).reshape(-1, 2)
    return np.concatenate([curve, p2[-1:]])
