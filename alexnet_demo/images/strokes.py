"""Strokes drawn by hand → an image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from PIL import Image, ImageDraw

from alexnet_demo.common.errors import ImageError

SIDE = 256  # of the canvas in its own units; points and pen widths are measured in them
MAX_STROKES, MAX_POINTS = 2_000, 50_000  # so many take a second to draw
MAX_WIDTH = 64.0
_SCALE = 4  # drawn so many times larger, then averaged: smooth edges


@dataclass(frozen=True)
class Stroke:
    """One line of the pen or the eraser, in canvas units: (0, 0) is the upper left corner."""

    tool: Literal["pen", "eraser"]
    width: float
    points: tuple[tuple[float, float], ...]

    def to_json(self) -> dict[str, Any]:
        """The record that `parse` reads."""
        return {"tool": self.tool, "width": self.width, "points": [list(p) for p in self.points]}


def parse(record: Any) -> tuple[Stroke, ...]:
    """Validate the canvas's strokes, which come from a browser and may be anything.

    Args:
        record: ``[{"tool": "pen"|"eraser", "width": w, "points": [[x, y], …]}, …]``; None is an
            empty drawing.

    Raises:
        ImageError: when it has another form, numbers out of range, or too many of them.
    """
    if record is None:
        return ()
    try:
        if not isinstance(record, list) or len(record) > MAX_STROKES:
            raise ValueError("no list, or too long")
        if sum(len(item["points"]) for item in record) > MAX_POINTS:
            raise ImageError("The drawing has too many points: clear it and draw again.")
        return tuple(_parse_stroke(item) for item in record)
    except ImageError:
        raise
    except (TypeError, ValueError, KeyError, OverflowError, RecursionError) as error:
        raise ImageError("The drawing could not be read: clear it and draw again.") from error


def _parse_stroke(item: Any) -> Stroke:
    if item["tool"] not in ("pen", "eraser"):
        raise ValueError("unknown tool")
    points = tuple((_number(x), _number(y)) for x, y in item["points"])
    width = _number(item["width"])
    if not points or not 0 < width <= MAX_WIDTH:
        raise ValueError("no points, or width out of range")
    return Stroke(item["tool"], width, points)


def _number(value: Any) -> float:
    """A finite coordinate on the canvas or not far outside it."""
    if isinstance(value, (bool, str)) or not math.isfinite(value) or abs(value) > 4 * SIDE:
        raise ValueError("not a coordinate")
    return float(value)


def render(strokes: tuple[Stroke, ...]) -> Image.Image:
    """Black ink on white, mode L, 256×256, with round ends and joints."""
    image = Image.new("L", (SIDE * _SCALE, SIDE * _SCALE), 255)
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        color = 0 if stroke.tool == "pen" else 255
        points = [(x * _SCALE, y * _SCALE) for x, y in stroke.points]
        radius = stroke.width * _SCALE / 2
        if len(points) > 1:
            draw.line(points, fill=color, width=max(1, round(2 * radius)))
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def is_blank(image: Image.Image) -> bool:
    """Whether an image from `render` has no ink."""
    return image.getextrema() == (255, 255)
