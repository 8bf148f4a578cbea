"""Line and bar plots: data → coordinates for an SVG template. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 380, 230  # in SVG units; text is 11 high
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 16, 34  # margins around the frame
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line.

    Attributes:
        name: for the legend; empty for none.
        kind: CSS class.
        points: in data units.
        dots: whether to mark each point.
    """

    name: str
    kind: str
    points: Sequence[Point]
    dots: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar from 0 to ``top``, between two x values; ``faint`` for few samples."""

    left: float
    right: float
    top: float
    faint: bool = False


@dataclass(frozen=True)
class Plot:
    """A plot in data units; methods convert to SVG units.

    Attributes:
        title: of the y axis, and the alternative text.
        x_title: of the x axis.
        x: range of the x axis.
        y: range of the y axis.
        marks: x values of vertical lines, each with its text.
        y_format: formats tick labels of the y axis.
        x_format: formats tick labels of the x axis.
        x_min_step: minimum distance of ticks on the x axis; 1 for counts.
    """

    title: str
    x_title: str
    x: Point
    y: Point
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    marks: Sequence[tuple[float, str]] = ()
    y_format: Callable[[float], str] = "{:g}".format
    x_format: Callable[[float], str] = "{:g}".format
    x_min_step: float = 0.0
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """Left, top, right, and bottom edge."""
        return LEFT, TOP, self.width - RIGHT, self.height - BOTTOM

    def across(self, value: float) -> float:
        """The x coordinate of a value."""
        left, _, right, _ = self.frame
        return round(left + (right - left) * _share(value, self.x), 2)

    def up(self, value: float) -> float:
        """The y coordinate of a value, clipped to the frame."""
        _, top, _, bottom = self.frame
        return round(bottom - (bottom - top) * min(max(_share(value, self.y), 0.0), 1.0), 2)

    def path(self, line: Line) -> str:
        """The ``points`` attribute of a polyline."""
        return " ".join(f"{self.across(x)},{self.up(y)}" for x, y in line.points)

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Coordinates and labels."""
        values = ticks(*self.x, self.width // 47, self.x_min_step)
        return [(self.across(value), self.x_format(value)) for value in values]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Coordinates and labels."""
        values = ticks(*self.y, self.height // 45)
        return [(self.up(value), self.y_format(value)) for value in values]


def _share(value: float, limits: Point) -> float:
    low, high = limits
    return (value - low) / (high - low) if high > low else 0.5


def ticks(low: float, high: float, most: int, min_step: float = 0.0) -> list[float]:
    """Round numbers from ``low`` to ``high``, with a step of 1, 2, or 5 times a power of ten.

    Args:
        most: maximum number of steps.
        min_step: minimum step.
    """
    if not high > low:
        return [low]
    rough = max((high - low) / most, min_step)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def round_range(values: Sequence[float], most: int = 5) -> Point:
    """A range with round ends around all values; 0 to 1 without values."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    inner = ticks(low, high, most)
    step = inner[1] - inner[0] if len(inner) > 1 else high - low
    return math.floor(low / step) * step, math.ceil(high / step) * step
