"""Drawings of anything but clothing: doodles, writing, shapes, and scribbles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_letters, digits

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from alexnet_demo.data.doodles import Outline, characters, doodles, pick_kinds, rotation, vary
from alexnet_demo.data.line_art import LineArt, smooth
from alexnet_demo.images import redraw

INKED = 0.25  # share of the small closed outlines, such as eyes, that are filled
SMALL = 0.3  # largest extent of those, in units of `vary`
PRINT = 96  # size of printed characters, pixels


# ------------------------------------------------------------------ strokes without a subject


def blob(rng: np.random.Generator, size: float = 1) -> Outline:
    """A closed smooth outline around the middle."""
    angles = np.linspace(0, 2 * np.pi, 40)
    radius = np.ones(40)
    for wave in range(2, 7):
        radius += rng.normal(0, 0.35 / wave) * np.cos(wave * angles + rng.uniform(0, 7))
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None].clip(0.15)
    return Outline(points * size * np.exp(rng.normal(0, 0.3, 2)), True)


def polygon(rng: np.random.Generator, size: float = 1) -> Outline:
    """A regular or irregular polygon or a star around the middle."""
    corners = int(rng.integers(3, 9))
    angles = np.arange(corners) / corners * 2 * np.pi + rng.normal(0, rng.uniform(0, 0.3), corners)
    radius = 1 + rng.normal(0, rng.uniform(0, 0.3), corners).clip(-0.8)
    if star := rng.random() < 0.2:
        angles = np.arange(2 * corners) / corners * np.pi
        radius = np.tile([1, rng.uniform(0.3, 0.7)], corners)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
    points = points @ rotation(rng.uniform(0, 360)) * np.exp(rng.normal(0, 0.2 if star else 0.4, 2))
    return Outline(np.concatenate([points, points[:1]]) * size, True)


def path(rng: np.random.Generator, size: float = 1) -> Outline:
    """A few random points, joined by straight lines or a smooth curve."""
    points = rng.uniform(-size, size, (int(rng.integers(2, 7)), 2))
    return Outline(smooth(points) if rng.random() < 0.5 else points, False)


SHAPES = (blob, polygon, path)


def detailed(
    outline: Callable[[np.random.Generator], Outline], rng: np.random.Generator
) -> list[Outline]:
    """An outline with small shapes inside and around it."""
    outlines = [outline(rng)]
    for _ in range(int(rng.integers(0, 7))):
        shape = SHAPES[rng.integers(3)](rng, rng.uniform(0.05, 0.5))
        outlines.append(Outline(shape.points + rng.uniform(-0.7, 0.7, 2), shape.closed))
    return outlines


def arrangement(rng: np.random.Generator) -> list[Outline]:
    """Shapes of similar size, side by side, stacked, or anywhere."""
    spread = rng.choice([(0.2, 2.0), (2.0, 0.2), (1.2, 1.2)])
    outlines = []
    for _ in range(int(rng.integers(2, 7))):
        shape = SHAPES[rng.integers(3)](rng, rng.uniform(0.2, 0.9))
        outlines.append(Outline(shape.points + rng.uniform(-1, 1, 2) * spread, shape.closed))
    return outlines


def scribble(rng: np.random.Generator) -> list[Outline]:
    """Random walks with a drifting direction."""
    outlines = []
    for _ in range(int(rng.integers(1, 4))):
        count = int(rng.integers(20, 200))
        heading = rng.normal(rng.normal(0, 0.15), rng.uniform(0.1, 0.8), count).cumsum()
        walk = np.stack([np.cos(heading), np.sin(heading)], 1).cumsum(0)
        outlines.append(Outline(walk + rng.uniform(-10, 10, 2), False))
    return outlines


def strokes(rng: np.random.Generator) -> list[Outline]:
    """A few lines and curves."""
    return [path(rng) for _ in range(int(rng.integers(1, 9)))]


def hatching(rng: np.random.Generator) -> list[Outline]:
    """Lines side by side, or a grid of them."""
    outlines = []
    for turn in (rotation(rng.uniform(-90, 90)), rotation(rng.uniform(-90, 90))):
        for at in np.linspace(-1, 1, int(rng.integers(3, 10))):
            ends = np.array([[at, -1], [at, 1]]) + rng.normal(0, 0.08, (2, 2))
            outlines.append(Outline(ends @ turn, False))
        if rng.random() < 0.5:
            break
    return outlines


def signature(rng: np.random.Generator) -> list[Outline]:
    """Loops from left to right, as in a signature."""
    count = int(rng.integers(8, 24))
    x = np.arange(count) * 0.5 + rng.normal(0, 0.5, count)
    y = np.resize([-1, 1], count) * rng.uniform(0.3, 2, count)
    return [Outline(smooth(np.stack([x, y], 1)), False)]


def text(rng: np.random.Generator, alphabet: str, length: int) -> list[Outline]:
    """Characters written side by side."""
    outlines = []
    for index in range(length):
        ways = characters()[alphabet[rng.integers(len(alphabet))]]
        shift = np.array([index * 1.9, rng.normal(0, 0.1)])
        outlines += [Outline(o.points + shift, o.closed) for o in vary(ways[0], rng, 0)]
    return outlines


WITHOUT_SUBJECT: dict[str, Callable[[np.random.Generator], list[Outline]]] = {
    "blobs": lambda rng: detailed(blob, rng),
    "polygons": lambda rng: detailed(polygon, rng),
    "arrangements": arrangement,
    "scribbles": scribble,
    "strokes": strokes,
    "hatching": hatching,
    "signatures": signature,
    "digits": lambda rng: text(rng, digits, 1),
    "letters": lambda rng: text(rng, "".join(characters()), 1),
    "words": lambda rng: text(rng, "".join(characters()), int(rng.integers(2, 7))),
}
PRINTED = "print"
DRAWING_KINDS = (*doodles(), *WITHOUT_SUBJECT, PRINTED)
DOODLES = 0.6  # share of the drawings that show a thing


# ------------------------------------------------------------------ drawing


def printed(rng: np.random.Generator) -> np.ndarray:
    """One to four printed characters, as `redraw` leaves them."""
    word = "".join(rng.choice(list(ascii_letters + digits), int(rng.choice([1, 1, 1, 2, 4]))))
    font = ImageFont.load_default(size=PRINT)
    size = (PRINT * (len(word) + 1), 2 * PRINT)
    image = Image.new("L", size)
    place = (size[0] / 2, size[1] / 2)
    pen = ImageDraw.Draw(image)
    pen.text(place, word, 255, font, "mm", stroke_width=int(rng.integers(0, 4)))
    mask = np.asarray(image.rotate(rng.normal(0, 8), Image.Resampling.BILINEAR)) > 127
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    ink, skeleton = redraw.redraw(redraw.place(mask[y : y + height, x : x + width]))
    shaded = rng.random() < 0.5
    return redraw.render(ink, redraw.interior(ink, skeleton) if shaded else np.zeros_like(ink))


def draw(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One drawing of that kind, uint8 (56, 56)."""
    if kind == PRINTED:
        return printed(rng)
    if kind in WITHOUT_SUBJECT:
        outlines = WITHOUT_SUBJECT[kind](rng)
    else:
        ways = doodles()[kind]
        outlines = vary(ways[rng.integers(len(ways))], rng)
    art = LineArt(rng)
    for points, closed in outlines:
        small = closed and np.ptp(points, axis=0).max() < SMALL
        art.stroke(points, filled=small and rng.random() < INKED)
    return art.render()


def other_drawings(
    count: int, rng: np.random.Generator, kinds: Sequence[str] = DRAWING_KINDS
) -> np.ndarray:
    """Drawings without clothing: uint8 (count, 56, 56), light strokes on black.

    Args:
        count: number of images.
        rng: decides everything.
        kinds: of `DRAWING_KINDS`.
    """
    images = np.zeros((count, redraw.SKETCH_SIDE, redraw.SKETCH_SIDE), np.uint8)
    for image, kind in zip(images, pick_kinds(count, kinds, DOODLES, rng), strict=True):
        image[:] = draw(kind, rng)
    return images
