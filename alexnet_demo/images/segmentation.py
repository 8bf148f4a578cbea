"""Objects segmented from a plain background or from a cluttered scene.

Images are uint8 (H, W, 3) RGB, masks bool (H, W), True on the object.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import cv2
import numpy as np

from alexnet_demo.images import raster
from alexnet_demo.images.boxes import Box, bounding_box, pixel_slices

PLAIN_SIDE, CLUTTERED_SIDE = 256, 144  # longest side at which masks are computed, pixels
MARGIN = 0.04  # around the rectangle in which a cluttered photo's object is searched
_rng_lock = threading.Lock()


class BackgroundSurface(NamedTuple):
    """A smooth surface fitted to an image's background.

    Attributes:
        color: everywhere, with its gradient, float32 (H, W, 3).
        noise: third quartile of the background's distance from it, gray levels.
        plain: whether it explains the image's border, so that the background can be removed.
    """

    color: np.ndarray
    noise: float
    plain: bool


def border_mask(shape: tuple[int, ...], share: float = 0.03) -> np.ndarray:
    """The pixels along an image's edges, bool (H, W), ``share`` of its shorter side wide."""
    width = max(1, round(min(shape[:2]) * share))
    border = np.ones(shape[:2], bool)
    border[width:-width, width:-width] = False
    return border


def fit_background(image: np.ndarray) -> BackgroundSurface:
    """Fit a surface to the image's border; an object that reaches the border is ignored."""
    border = border_mask(image.shape)
    color = raster.smooth_surface(image.astype(np.float32), border)
    distance = raster.channel_max(np.abs(image[border] - color[border]))
    near = distance < 16
    noise = float(np.percentile(distance[near], 75)) if near.any() else 255.0
    return BackgroundSurface(color, noise, plain=bool(near.mean() > 0.5 and noise < 7))


def plain_mask(image: np.ndarray, background: BackgroundSurface) -> np.ndarray:
    """Whatever differs from a plain background, without its soft shadow.

    Args:
        image: its longest side about `PLAIN_SIDE` pixels.
        background: from `fit_background`.
    """
    distance = raster.channel_max(np.abs(image - background.color))
    marked = distance > max(7.0, 4 * background.noise)
    if not marked.any():
        return marked
    marked &= ~_soft_shadow(image, background, ~marked)
    return drop_small_parts(fill_holes(marked), share=0.04)


def _soft_shadow(image: np.ndarray, background: BackgroundSurface, bare: np.ndarray) -> np.ndarray:
    """The object's shadow: darker without another hue, and fading into the background.

    It is reached from the background over gentle slopes only. Where that would take away most of
    the object, it is no shadow but a pale object, and the shadow is empty.
    """
    ratio = image / np.maximum(background.color, 1)
    gray = ratio.mean(2)
    tint = raster.channel_range(ratio)
    gentle = raster.gradient_magnitude(image.mean(2), blur=1) < 3.5
    passable = (tint < 0.06) & (gray > 0.55) & (gray < 1.02) & gentle
    labels = cv2.connectedComponents((passable | bare).astype(np.uint8), connectivity=4)[1]
    joined = np.isin(labels, labels[bare & border_mask(bare.shape)]) & (labels > 0)
    shadow = joined & ~bare
    return shadow if shadow.sum() < 0.5 * (~bare).sum() else np.zeros_like(bare)


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """Fill holes except a few wide ones, such as the one under a bag's handle.

    An object as pale as its background shows little but its outline: then every hole is filled.
    """
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, raster.disk(3))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    areas[np.unique(labels[border_mask(mask.shape, 0)])] = areas[0] = 0  # background, object
    total = closed.sum() + areas.sum()
    wide = areas > 0.06 * total
    if areas[wide].sum() > 0.6 * total:
        wide[:] = False
    return (closed > 0) | ((areas > 0) & ~wide)[labels]


def drop_small_parts(mask: np.ndarray, share: float) -> np.ndarray:
    """Opened, then without parts smaller than ``share`` of the largest one's area."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, raster.disk(3))
    if not opened.any():
        opened = mask.astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0
    return (areas >= max(1, share * areas.max()))[labels]


def cluttered_mask(image: np.ndarray, box: Box | None) -> np.ndarray:
    """The object in a cluttered image, by GrabCut from a rectangle; empty where none is found.

    Args:
        image: its longest side about `CLUTTERED_SIDE` pixels.
        box: where the object is; nearly the whole image if None.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = box or (MARGIN, MARGIN, 1 - MARGIN, 1 - MARGIN)
    x0, y0 = max(1, round(left * width)), max(1, round(top * height))
    x1, y1 = min(width - 1, round(right * width)), min(height - 1, round(bottom * height))
    if x1 - x0 < 4 or y1 - y0 < 4:
        return np.zeros((height, width), bool)
    labels = np.zeros((height, width), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    smooth = cv2.medianBlur(image, 3)
    with _rng_lock:  # OpenCV's random numbers are global: the same image gives the same mask
        cv2.setRNGSeed(0)
        # A third iteration takes a quarter of a photo's time and improves no prediction.
        cv2.grabCut(smooth, labels, (x0, y0, x1 - x0, y1 - y0), *models, 2, cv2.GC_INIT_WITH_RECT)
    mask = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return drop_small_parts(fill_holes(mask), share=0.2) if mask.any() else mask


def is_plausible(mask: np.ndarray) -> bool:
    """Whether a mask can be the object: neither hardly anything nor nearly everything."""
    return 0.03 < float(mask.mean()) < 0.93


def remove_skin(image: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """The garment without the person wearing it, as catalogs show it.

    A person shows skin at the top (face, neck) or at the bottom (legs), and less of it than cloth.
    Without any sign of a person, returns None.

    Args:
        image: uint8 (H, W, 3).
        mask: person and garment together.
    """
    small = raster.shrink(image, PLAIN_SIDE)
    person = resize_mask(mask, small.shape)
    skin = skin_mask(small, person)
    area = max(1, int(person.sum()))
    if not 0.03 < skin.sum() / area < 0.45:
        return None
    rows, _ = pixel_slices(bounding_box(person), person.shape)
    quarter = (rows.stop - rows.start) // 4
    ends = (slice(rows.start, rows.start + max(1, quarter)), slice(rows.stop - quarter, None))
    if max(skin[end].sum() / max(1, person[end].sum()) for end in ends) < 0.25:
        return None
    skin = cv2.dilate(skin.astype(np.uint8), raster.disk(3)) > 0
    garment = drop_small_parts(person & ~skin, share=0.25)
    return resize_mask(garment, mask.shape) & mask if garment.sum() > 0.3 * area else None


def skin_mask(image: np.ndarray, person: np.ndarray) -> np.ndarray:
    """A person's skin, which has a narrow range of hues whatever its tone."""
    _, red, blue = cv2.split(cv2.cvtColor(cv2.medianBlur(image, 3), cv2.COLOR_RGB2YCrCb))
    skin = (red > 138) & (red < 175) & (blue > 85) & (blue < 125) & person
    return cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, raster.disk(3)) > 0


def resize_mask(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask at another size, with smooth edges, bool of that shape (H, W)."""
    return cv2.resize(mask.astype(np.float32), shape[1::-1]) > 0.5  # bilinear
