"""Other things than clothing as strokes, of which drawings and photos are made.

``doodles.json`` holds for each kind of thing how people draw it, in one or several ways, and
``handwriting.json`` characters. A way is a list of parts in a frame of 100×100, x to the right and
y down, separated by semicolons. A part is one of these shapes:

- ``line x y …`` and ``curve x y …``: open, angular or smooth; ``polygon x y …`` and ``loop x y …``:
  the same, closed;
- ``box left top right bottom``, ``dot x y``, ``oval x y width height`` (both from the center) and
  ``arc x y width height start end`` (degrees, clockwise from the right);

after any of these words: ``?`` for a part that half of the drawings have, ``both`` for a mirror
image beside it, ``row n right down`` for n of them, each that far from the last, and
``around n x y`` for n of them, turned about a point.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alexnet_demo.data.line_art import smooth

FRAME = 100


class Outline(NamedTuple):
    """A stroke through points (N, 2), and whether it ends where it began."""

    points: np.ndarray
    closed: bool


class Part(NamedTuple):
    """Strokes that are drawn together, or left out together by half of the people."""

    outlines: tuple[Outline, ...]
    optional: bool


def _ellipse(numbers: list[float]) -> np.ndarray:
    x, y, width, height, start, end = [*numbers, 0.0, 360.0][:6]
    angles = np.radians(np.linspace(start, end, 25))
    return np.stack([x + width * np.cos(angles), y + height * np.sin(angles)], 1)


def _outline(shape: str, numbers: list[float]) -> Outline:
    """One of the shapes.

    Raises:
        ValueError: for another word.
    """
    if shape in ("oval", "arc"):
        return Outline(_ellipse(numbers), shape == "oval")
    if shape == "dot":
        return Outline(_ellipse([*numbers, 1.5, 1.5]), True)
    if shape == "box":
        left, top, right, bottom = numbers
        numbers, shape = [left, top, right, top, right, bottom, left, bottom], "polygon"
    points = np.array(numbers, float).reshape(-1, 2)
    if shape in ("curve", "loop"):
        return Outline(smooth(points, shape == "loop", 4), shape == "loop")
    if shape == "polygon":
        return Outline(np.concatenate([points, points[:1]]), True)
    if shape == "line":
        return Outline(points, False)
    raise ValueError(f"{shape!r} is not a shape")


def _parse_part(text: str) -> Part:
    words = text.replace("?", " ? ").split()
    optional = words[0] == "?"
    words = words[optional:]
    modifiers = []
    while words[0] in ("both", "row", "around"):
        count = 1 if words[0] == "both" else 4
        modifiers.append((words[0], list(map(float, words[1:count]))))
        words = words[count:]
    outlines = [_outline(words[0], list(map(float, words[1:])))]
    for name, numbers in reversed(modifiers):
        if name == "both":
            outlines += [Outline(o.points * (-1, 1) + (FRAME, 0), o.closed) for o in outlines]
            continue
        count, x, y = int(numbers[0]), *numbers[1:]
        if name == "row":
            moves = [(np.eye(2), np.array([x, y]) * i) for i in range(count)]
        else:
            turns = [rotation(360 * i / count) for i in range(count)]
            moves = [(turn, np.array([x, y]) - np.array([x, y]) @ turn) for turn in turns]
        outlines = [Outline(o.points @ a + b, o.closed) for a, b in moves for o in outlines]
    return Part(tuple(outlines), optional)


def parse(text: str) -> tuple[Part, ...]:
    """One way to draw a thing, as described above."""
    return tuple(map(_parse_part, text.split(";")))


def _read(name: str) -> dict[str, tuple[tuple[Part, ...], ...]]:
    record = json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return {
        kind: tuple(map(parse, [ways] if isinstance(ways, str) else ways))
        for kind, ways in record.items()
    }


@cache
def doodles() -> dict[str, tuple[tuple[Part, ...], ...]]:
    """All ways to draw each kind of thing."""
    return _read("doodles.json")


@cache
def characters() -> dict[str, tuple[tuple[Part, ...], ...]]:
    """All ways to write each character."""
    return _read("handwriting.json")


def rotation(degrees: float) -> np.ndarray:
    """The matrix (2, 2) by which to multiply points (N, 2) to turn them clockwise."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, sin], [-sin, cos]])


def vary(parts: tuple[Part, ...], rng: np.random.Generator, mirrored: float = 0.5) -> list[Outline]:
    """The strokes of one drawing: without some optional parts, and in other proportions.

    Args:
        parts: from `doodles` or `characters`.
        rng: decides which parts, and the proportions.
        mirrored: share of the drawings that are mirrored.

    Returns:
        Outlines, mostly within −1 to 1.
    """
    pull = rng.normal(0, 0.05, (3, 2))
    turn = rotation(rng.normal(0, 8) if rng.random() < 0.8 else rng.uniform(-60, 60))
    stretch = np.diag(np.exp(rng.normal(0, 0.22, 2))) * (-1 if rng.random() < mirrored else 1, 1)
    bend = np.array([[1, rng.normal(0, 0.08)], [rng.normal(0, 0.08), 1]]) @ stretch @ turn
    outlines = []
    for part in parts:
        if part.optional and rng.random() < 0.5:
            continue
        scale, shift = np.exp(rng.normal(0, 0.1, 2)), rng.normal(0, 0.03, 2)
        for points, closed in part.outlines:
            normal = points * 2 / FRAME - 1
            middle = (normal.max(0) + normal.min(0)) / 2
            normal = (normal - middle) * scale + middle + shift
            x, y = normal.T
            # A smooth change of all proportions: one side larger, the lines curved.
            normal = normal + np.stack([x * x, x * y, y * y], 1) @ pull
            outlines.append(Outline(normal @ bend, closed))
    return outlines


def pick_kinds(
    count: int, kinds: Sequence[str], share: float, rng: np.random.Generator
) -> list[str]:
    """Random kinds, of which this share are things in `doodles`, if there are others among them."""
    things = np.array([kind in doodles() for kind in kinds])
    weights = np.where(things, share / max(things.sum(), 1), (1 - share) / max((~things).sum(), 1))
    return [kinds[i] for i in rng.choice(len(kinds), count, p=weights / weights.sum())]
