"""Photos of anything but clothing: things, scenes, surfaces, patterns, noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from alexnet_demo.data.doodles import Outline, doodles, pick_kinds, vary
from alexnet_demo.data.other_drawings import WITHOUT_SUBJECT, blob
from alexnet_demo.images.boxes import bounding_box, crop
from alexnet_demo.images.prepare import fit, tone
from alexnet_demo.images.prepared import SIDE

CANVAS = 4 * SIDE  # that photos are painted on, pixels
DOODLES = 0.5  # share of the photos that show a thing
CUT_OUT = 0.6  # share of the things that stand on black, the others in a scene
NEARLY_CLOSED = 0.4  # distance of an outline's ends, relative to its extent
Y, X = np.mgrid[-1 : 1 : CANVAS * 1j, -1 : 1 : CANVAS * 1j]


# ------------------------------------------------------------------ surfaces, (CANVAS, CANVAS), 0…1


def noise(rng: np.random.Generator, cells: float) -> np.ndarray:
    """Smooth noise with about that many bumps per side, 0 to 1; perhaps stretched."""
    shape = np.clip(np.exp(rng.normal(np.log(cells), 0.4, 2)), 2, CANVAS).astype(int)
    small = rng.random(shape, np.float32)
    return cv2.resize(small, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def gradient(rng: np.random.Generator) -> np.ndarray:
    """Light from one side, or from a lamp."""
    right, down = rng.normal(0, 0.5, 2)
    x, y = rng.uniform(-1, 1, 2)
    lamp = np.exp(-((X - x) ** 2 + (Y - y) ** 2) / rng.uniform(0.2, 2)) * rng.choice([0, 0, 1])
    return rng.uniform(0.2, 0.8) + right * X + down * Y + lamp


def white_noise(rng: np.random.Generator) -> np.ndarray:
    """Independent pixels."""
    return rng.normal(0.5, rng.uniform(0.05, 0.6), (CANVAS, CANVAS))


def coarse_noise(rng: np.random.Generator) -> np.ndarray:
    """Blocks of random gray levels, sharp or smooth."""
    cells = int(rng.integers(4, 60))
    small = rng.random((cells, cells), np.float32)
    method = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
    return cv2.resize(small, (CANVAS, CANVAS), interpolation=method)


def texture(rng: np.random.Generator) -> np.ndarray:
    """Several layers of noise, as grass, gravel, wood, or clouds have."""
    roughness = rng.uniform(0.3, 1)
    layers = [noise(rng, cells) * roughness**i for i, cells in enumerate((3, 7, 15, 30, 60))]
    total = np.sum(layers, 0)
    low, high = np.percentile(total, (5, 95))
    return (total - low) / (high - low)


def stripes(rng: np.random.Generator) -> np.ndarray:
    """Straight or bent stripes, soft or sharp, or a checkerboard."""
    right, down = rng.normal(0, 6, 2)
    phase = X * right + Y * down + rng.choice([0, 3]) * noise(rng, 4)
    wave = np.sin(phase * np.pi)
    if rng.random() < 0.4:
        wave = wave * np.sin((X * down - Y * right) * np.pi)
    contrast = rng.uniform(0.2, 0.6)
    return 0.5 + contrast * (np.sign(wave) if rng.random() < 0.5 else wave)


def plain(rng: np.random.Generator) -> np.ndarray:
    """A flat surface."""
    return np.full((CANVAS, CANVAS), rng.uniform(0.1, 1)) + rng.normal(0, 0.02, (CANVAS, CANVAS))


def bricks(rng: np.random.Generator) -> np.ndarray:
    """A wall of bricks or tiles."""
    height, width = rng.uniform(0.1, 0.5), rng.uniform(0.15, 0.9)
    row = np.floor(Y / height)
    along = X / width + 0.5 * (row % 2) * rng.choice([0, 1])
    joint = (Y / height % 1 < rng.uniform(0.05, 0.25)) | (along % 1 < rng.uniform(0.05, 0.25))
    return np.where(joint, rng.random(), rng.random()) + 0.3 * (noise(rng, 10) - 0.5)


def landscape(rng: np.random.Generator) -> np.ndarray:
    """Sky, hills one behind the other, and a sun."""
    scene = gradient(rng)
    x, y = rng.uniform(-1, 1), rng.uniform(-1, 0)
    scene = np.where((X - x) ** 2 + (Y - y) ** 2 < rng.uniform(0, 0.1), rng.random(), scene)
    for top in np.sort(rng.uniform(-0.6, 0.9, int(rng.integers(1, 4)))):
        ridge = np.interp(X[0], np.linspace(-1, 1, 9), top + rng.normal(0, 0.15, 9))
        scene = np.where(ridge < Y, rng.random() + 0.3 * (texture(rng) - 0.5), scene)
    return scene


SURFACES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "white noise": white_noise,
    "coarse noise": coarse_noise,
    "textures": texture,
    "gradients": gradient,
    "stripes": stripes,
    "plain surfaces": plain,
    "bricks": bricks,
    "landscapes": landscape,
}
BEHIND_THINGS = (gradient, plain, texture, landscape, bricks, stripes)


# ------------------------------------------------------------------ things


def paint(
    outlines: Sequence[Outline], scene: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Outlines as lit bodies, one before the other, and lines with ends apart as rods.

    Args:
        outlines: in any coordinates; they fill most of the canvas.
        scene: float (CANVAS, CANVAS), what is behind.
        rng: decides gray levels and light.

    Returns:
        The scene with the things, and their mask, bool.
    """
    everything = np.concatenate([outline.points for outline in outlines])
    low, high = everything.min(0), everything.max(0)
    scale = 0.9 * CANVAS / max(float((high - low).max()), 1e-9)
    base, contrast = rng.uniform(0.2, 0.9), rng.uniform(0.05, 0.5)
    light = 1 + rng.normal(0, 0.2) * X + rng.normal(0, 0.2) * Y
    mask = np.zeros((CANVAS, CANVAS), bool)
    width = int(rng.integers(2, 9))
    for points, closed in outlines:
        pixels = ((points - (low + high) / 2) * scale + CANVAS / 2) * 16
        pixels = np.round(pixels).astype(np.int32)
        shape = np.zeros((CANVAS, CANVAS), np.uint8)
        ends_apart = float(np.hypot(*(points[-1] - points[0])))
        if closed or ends_apart < NEARLY_CLOSED * float(np.ptp(points, axis=0).max()):
            cv2.fillPoly(shape, [pixels], 1, shift=4)
            round_off = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), 8)
        else:
            cv2.polylines(shape, [pixels], False, 1, width, shift=4)
            round_off = np.ones((CANVAS, CANVAS), np.float32)
        level = base + rng.normal(0, contrast)
        inside = shape > 0
        scene = np.where(inside, level * light * (0.5 + 0.5 * round_off), scene)
        mask |= inside
    return scene, mask


def thing(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Something with a body and parts, and its mask; see `paint`."""
    if kind in doodles():
        ways = doodles()[kind]
        outlines = vary(ways[rng.integers(len(ways))], rng)
    else:
        outlines = BODIES[kind](rng)
    # Mostly calm: the square favors the first ones.
    behind = BEHIND_THINGS[int(len(BEHIND_THINGS) * rng.random() ** 2)]
    return paint(outlines, behind(rng), rng)


def pile(rng: np.random.Generator) -> list[Outline]:
    """Round or angular things lying about."""
    return [
        Outline(blob(rng, rng.uniform(0.1, 0.6)).points + rng.uniform(-1, 1, 2), True)
        for _ in range(int(rng.integers(3, 14)))
    ]


BODIES: dict[str, Callable[[np.random.Generator], list[Outline]]] = {
    "piles": pile,
    **{name: WITHOUT_SUBJECT[name] for name in ("blobs", "polygons", "arrangements", "words")},
}
PHOTO_KINDS = (*doodles(), *BODIES, *SURFACES)


def ragged(rng: np.random.Generator) -> np.ndarray:
    """What a segmentation may leave of a scene: all of it, a part, or shreds; bool."""
    choice = rng.random()
    if choice < 0.5:
        return np.ones((CANVAS, CANVAS), bool)
    if choice < 0.75:
        shape = np.zeros((CANVAS, CANVAS), np.uint8)
        points = (blob(rng).points * 0.35 + 0.5) * CANVAS
        return cv2.fillPoly(shape, [points.astype(np.int32)], 1) > 0
    return noise(rng, 5) > rng.uniform(0.3, 0.6)


def photograph(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One photo of that kind as `images.prepare` leaves it, uint8 (28, 28)."""
    if kind in SURFACES:
        scene, mask = SURFACES[kind](rng), ragged(rng)
        cut_out = not mask.all()
    else:
        scene, mask = thing(kind, rng)
        cut_out = rng.random() < CUT_OUT
    if rng.random() < 0.3:
        scene = 1 - scene
    light = (scene.clip(0, 1) * 255).astype(np.uint8)
    if cut_out and mask.any():
        light = crop(tone(light, mask), bounding_box(mask))
    return fit(light)


def other_photos(
    count: int, rng: np.random.Generator, kinds: Sequence[str] = PHOTO_KINDS
) -> np.ndarray:
    """Photos without clothing: uint8 (count, 28, 28), cut out on black, or whole scenes.

    Args:
        count: number of images.
        rng: decides everything.
        kinds: of `PHOTO_KINDS`.
    """
    images = np.zeros((count, SIDE, SIDE), np.uint8)
    for image, kind in zip(images, pick_kinds(count, kinds, DOODLES, rng), strict=True):
        image[:] = photograph(kind, rng)
    return images
