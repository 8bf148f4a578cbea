"""Photos of sandals, sneakers, and ankle boots: pairs from above, and single shoes as in catalogs.

Fashion-MNIST shows a single shoe from the left. Here shoes are solids (`shoe_models`), seen from
any direction.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np

from alexnet_demo.data.batch_random import Label
from alexnet_demo.data.shoe_models import shoe
from alexnet_demo.data.shoe_parts import Part
from alexnet_demo.images.prepare import DARKEST, fit
from alexnet_demo.images.prepared import SIDE
from alexnet_demo.images.raster import disk

CANVAS = 4 * SIDE  # pixels, of the longest side before it is scaled down
SUBPIXEL = 4  # binary digits after the point in OpenCV's coordinates
STEEP = 55  # elevation above which only the top of each slice is drawn, degrees
CATALOG = 0.35  # share of photos of a single shoe, oblique from the side, as in catalogs
GAP = 25  # between the shoes of a pair that is filled with the floor, pixels of the canvas


class Pose(NamedTuple):
    """How a shoe lies in the photo.

    Attributes:
        matrix: from a shoe's coordinates to x to the right, y down, and toward the camera, (3, 3).
        offset: to the right and down, (2,), in lengths of the shoe.
        steep: whether the camera looks from above.
    """

    matrix: np.ndarray
    offset: np.ndarray
    steep: bool


def pose(
    azimuth: float, elevation: float, roll: float, offset: tuple[float, float], mirror: int
) -> Pose:
    """A pose from angles in degrees.

    Args:
        azimuth: of the shoe on the floor, counterclockwise; at 0 its tip is farthest away.
        elevation: of the camera; at 90 it looks straight down.
        roll: of the photo, counterclockwise.
        offset: of the shoe on the floor: to the right, and away from the camera.
        mirror: 1 for a left shoe, -1 for a right one.
    """
    camera = _rotation(0, 1, roll) @ _rotation(1, 2, elevation - 90) * [[1], [-1], [1]]
    matrix = camera @ _rotation(0, 1, azimuth) * (mirror, 1, 1)
    return Pose(matrix, camera[:2, :2] @ offset, elevation > STEEP)


def _rotation(axis: int, other: int, degrees: float) -> np.ndarray:
    """The matrix (3, 3) that rotates one axis toward another."""
    matrix, angle = np.eye(3), math.radians(degrees)
    matrix[axis, axis] = matrix[other, other] = math.cos(angle)
    matrix[other, axis] = math.sin(angle)
    matrix[axis, other] = -matrix[other, axis]
    return matrix


def poses(label: Label, rng: np.random.Generator) -> list[Pose]:
    """Where the one or two shoes are, the farther one first."""
    if rng.random() < CATALOG:
        azimuth = rng.choice([-90, 90]) + rng.normal(0, 25)
        angles = azimuth, rng.uniform(8, 45), rng.normal(0, 5)
        return [pose(*angles, (0, 0), rng.choice([-1, 1]))]
    boot, sides = label == Label.ANKLE_BOOT, (-1, 1) if rng.random() < 0.8 else (1,)
    roll = rng.normal(0, 6) + 90 * rng.choice([-1, 0, 1], p=[0.05, 0.9, 0.05])
    if rng.random() < (0.15 if boot else 0.05):
        return [_fallen(side, roll, rng) for side in sides]
    azimuth, elevation = _view(boot, rng)
    toe_out, gap = rng.normal(0, 9), rng.uniform(0.36, 0.6)
    ahead = rng.normal(0, 0.3 if rng.random() < 0.15 else 0.04)
    crossed = rng.uniform(40, 180) if rng.random() < 0.1 else 0
    cos, sin = np.cos(np.radians(azimuth)), np.sin(np.radians(azimuth))
    placed = []
    for side in sides:
        x, y = side * gap / 2, side * ahead / 2
        offset = (x * cos - y * sin, x * sin + y * cos)
        own = azimuth - side * toe_out + crossed * (side > 0)
        placed.append((offset[1], pose(own, elevation, roll, offset, -side)))
    return [place for _, place in sorted(placed, key=lambda entry: -entry[0])]


def _view(boot: bool, rng: np.random.Generator) -> tuple[float, float]:
    """Azimuth of the shoes and elevation of the camera, degrees."""
    kind, around = rng.random(), rng.normal(0, 8)
    if kind < 0.2:  # oblique from the side, as in catalogs
        return rng.choice([-90, 90]) + rng.normal(0, 25), rng.uniform(12, 50)
    if kind < 0.35:
        return rng.uniform(0, 360), rng.uniform(8, 90)
    tip_near = rng.random() < (0.55 if boot else 0.4)
    # From above, a boot's shaft would hide that it is one.
    elevation = rng.uniform(25, 65) if boot else rng.uniform(40, 90)
    return 180 * tip_near + around, elevation


def _fallen(side: int, roll: float, rng: np.random.Generator) -> Pose:
    """A shoe on its side: seen from the side, and turned in the photo."""
    azimuth, elevation = rng.choice([90, -90]) + rng.normal(0, 12), rng.uniform(0, 20)
    offset = (side * rng.uniform(0.2, 0.5), side * rng.uniform(-0.3, 0.3))
    lying = pose(azimuth, elevation, roll + rng.uniform(-60, 60), (0, 0), 1)
    return lying._replace(offset=np.array(offset))


def photograph(parts: list[Part], places: list[Pose], rng: np.random.Generator) -> np.ndarray:
    """A shoe in one or two poses, as `images.prepare.fit` leaves it: uint8 (28, 28)."""
    points = np.concatenate([part.points.reshape(-1, 3) for part in parts]) - (0, 0.45, 0)
    matrices = np.stack([place.matrix for place in places])
    offsets = np.stack([place.offset for place in places])[..., None]
    projected = matrices[:, :2] @ points.T + offsets  # (places, 2, points)
    low, high = projected.min(2).min(0), projected.max(2).max(0)
    scale = (CANVAS - 1) / (high - low).max()
    width, height = np.ceil((high - low) * scale).astype(int) + 1
    image = np.zeros((height, width), np.uint8)
    pixels = np.round((projected - low[:, None]) * (scale * (1 << SUBPIXEL))).astype(np.int32)
    visible = matrices[:, 2] @ np.array([part.facing for part in parts]).T >= 0
    for place, outlines, shown in zip(places, pixels, visible, strict=True):
        _paint(image, parts, np.ascontiguousarray(outlines.T), shown, place.steep)
    if len(places) > 1 and rng.random() < 0.25:
        _fill_gap(image, DARKEST * rng.uniform(0.8, 1.4))
    x, y, width, height = cv2.boundingRect(image)
    return fit(image[y : y + height, x : x + width])


def _paint(
    image: np.ndarray, parts: list[Part], points: np.ndarray, visible: np.ndarray, steep: bool
) -> None:
    """Paint the visible parts of one shoe in their order; ``points`` are those of all parts."""
    end = 0
    for part, shown in zip(parts, visible, strict=True):
        start, end = end, end + part.points.size // 3
        if not shown:
            continue
        outline = points[start:end]
        if part.points.ndim == 3:  # the upper outline hides the rest of a slice seen from above
            outline = outline[len(outline) // 2 :] if steep else cv2.convexHull(outline)
        level = DARKEST + part.tone * (255 - DARKEST)
        cv2.fillPoly(image, [outline], level, shift=SUBPIXEL)


def _fill_gap(image: np.ndarray, level: float) -> None:
    """Fill the gap between two shoes with the floor, which is often not removed there."""
    padded = np.pad((image > 0).view(np.uint8), GAP)
    joined = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disk(GAP))[GAP:-GAP, GAP:-GAP]
    image[(image == 0) & (joined > 0)] = level


def shoe_photos(label: Label, count: int, rng: np.random.Generator) -> np.ndarray:
    """Photos of shoes of one label, uint8 (count, 28, 28), light on black."""
    photos = np.zeros((count, SIDE, SIDE), np.uint8)
    for photo in photos:
        photo[:] = photograph(shoe(label, rng), poses(label, rng), rng)
    return photos
