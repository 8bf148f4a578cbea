"""Photos of clothes and bags that Fashion-MNIST has few of: backpacks, totes, hoodies, lapels.

A line drawing is colored in: each area that its strokes enclose is cloth, each stroke a seam, an
edge, a strap, or a button.
"""

from __future__ import annotations

import cv2
import numpy as np

from alexnet_demo.data.batch_random import Label
from alexnet_demo.data.garment_drawings import garment_art
from alexnet_demo.data.garments import SIDE
from alexnet_demo.data.line_art import SUBPIXEL, LineArt

CANVAS = 4 * SIDE  # pixels, on which strokes are drawn
MARGIN = 3  # pixels of the canvas around the drawing, which keep the background in one area
CLOSING = 3  # width that a stroke has as the border of an area, pixels: it closes small gaps
OTHER_CLOTH = 0.15  # share of the areas that differ from the rest
OPEN_HANDLE = 0.85  # share of bags through whose handle the background shows


def garment_photos(label: Label, count: int, rng: np.random.Generator) -> np.ndarray:
    """Photos of one class, cut out, the longest side filling the frame, without light or folds.

    Args:
        label: not of shoes.
        count: how many.
        rng: decides everything.

    Returns:
        uint8 (count, 28, 28), 0 background to 255.
    """
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    for image in images:
        colored = color_in(garment_art(label, rng), label == Label.BAG)
        image[:] = cv2.resize(colored, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return images


def color_in(art: LineArt, is_bag: bool) -> np.ndarray:
    """A drawing in gray levels on black, uint8 (CANVAS, CANVAS).

    Args:
        art: see `garment_art`.
        is_bag: its strokes above y = 0 are a handle or strap, which is wide, and mostly open.
    """
    rng = art.rng
    everything = np.concatenate(art.strokes)
    low, high = everything.min(0), everything.max(0)
    scale = (CANVAS - 2 * MARGIN) / (high - low).max()
    shift = CANVAS / 2 - scale * (low + high) / 2
    lines = [np.round((p * scale + shift) * (1 << SUBPIXEL)).astype(np.int32) for p in art.strokes]
    borders = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.polylines(borders, lines, False, 1, CLOSING, shift=SUBPIXEL)
    count, areas, _, centers = cv2.connectedComponentsWithStats(1 - borders, connectivity=4)

    cloth = rng.uniform(110, 250)
    tones = np.where(rng.random(count) < OTHER_CLOTH, rng.uniform(60, 255, count), cloth)
    tones += rng.normal(0, 6, count)
    if is_bag and rng.random() < OPEN_HANDLE:
        tones[centers[:, 1] < shift[1]] = 0
    tones[areas[0, 0]] = tones[0] = 0
    image = tones.clip(0, 255).astype(np.uint8)[areas]
    # The area of a border line itself is the cloth beside it.
    image = np.where(borders, cv2.dilate(image, np.ones((CLOSING, CLOSING), np.uint8)), image)
    seam, strap = cloth * rng.normal(1, 0.15), cloth * rng.uniform(0.6, 1.2)
    thin, thick = rng.integers(1, 4), rng.integers(4, 11)
    for points, line in zip(art.strokes, lines, strict=True):
        is_strap = is_bag and points[:, 1].mean() < 0
        is_dot = np.ptp(points, axis=0).max() == 0
        tone = strap if is_strap else rng.uniform(60, 255) if is_dot else seam
        width = int(thick if is_strap else 5 if is_dot else thin)
        cv2.polylines(image, [line], False, float(min(tone, 255)), width, cv2.LINE_AA, SUBPIXEL)
    return image
