"""Lines and bars in a frame, as numbers that an SVG drawing is made from. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 380, 230  # of a drawing, in its own units; text has 11 of them
LEFT, RIGHT, TOP, BOTTOM = 46, 18, 16, 34  # around the frame
Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line to draw.

    Attributes:
        name: for the legend; empty for none.
        kind: its look, a class of the style sheet.
        points: in the data's units.
        dots: whether to mark each point.
    """

    name: str
    kind: str
    points: Sequence[Point]
    dots: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar from 0 up to ``top``, between two places of the x axis; ``faint`` if it says little."""

    left: float
    right: float
    top: float
    faint: bool = False


@dataclass(frozen=True)
class Plot:
    """A frame with what is drawn in it, in the data's units; methods give the drawing's.

    Attributes:
        title: what it shows, in words.
        x_title: what runs along the x axis.
        x: from, to.
        y: from, to.
        words: a number of the y axis as text.
        marks: places of the x axis that are marked by a line, each with its text.
        x_words: a number of the x axis as text.
        x_least: the least distance between numbers of the x axis; 1 for what is counted.
    """

    title: str
    x_title: str
    x: Point
    y: Point
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    marks: Sequence[tuple[float, str]] = ()
    words: Callable[[float], str] = "{:g}".format
    x_words: Callable[[float], str] = "{:g}".format
    x_least: float = 0.0
    width: int = WIDTH
    height: int = HEIGHT
    frame: tuple[float, float, float, float] = field(init=False)
    """Left, top, right and bottom edge."""

    def __post_init__(self) -> None:
        edges = (LEFT, TOP, self.width - RIGHT, self.height - BOTTOM)
        object.__setattr__(self, "frame", edges)

    def across(self, value: float) -> float:
        """Where a number of the x axis stands."""
        left, _, right, _ = self.frame
        return round(left + (right - left) * _share(value, self.x), 2)

    def up(self, value: float) -> float:
        """Where a number of the y axis stands; what lies outside stands at the edge."""
        _, top, _, bottom = self.frame
        return round(bottom - (bottom - top) * min(max(_share(value, self.y), 0.0), 1.0), 2)

    def path(self, line: Line) -> str:
        """The line's points, as SVG takes them."""
        return " ".join(f"{self.across(x)},{self.up(y)}" for x, y in line.points)

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Places on the x axis and their text."""
        values = ticks(*self.x, self.width // 47, self.x_least)
        return [(self.across(value), self.x_words(value)) for value in values]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Heights on the y axis and their text."""
        values = ticks(*self.y, self.height // 45)
        return [(self.up(value), self.words(value)) for value in values]


def _share(value: float, span: Point) -> float:
    low, high = span
    return (value - low) / (high - low) if high > low else 0.5


def ticks(low: float, high: float, most: int, least: float = 0.0) -> list[float]:
    """Round numbers from ``low`` to ``high``, 1, 2 or 5 times a power of ten apart.

    Args:
        most: how many steps at most.
        least: how long a step is at least.
    """
    if not high > low:
        return [low]
    rough = max((high - low) / most, least)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def span(values: Sequence[float], most: int = 5) -> Point:
    """Round numbers around all values; 0 to 1 where there are none."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    inner = ticks(low, high, most)
    step = inner[1] - inner[0] if len(inner) > 1 else high - low
    return math.floor(low / step) * step, math.ceil(high / step) * step
