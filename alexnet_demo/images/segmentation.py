"""The object apart from its background: off a plain ground, or out of a cluttered room.

Pictures are uint8 (H, W, 3) RGB, masks bool (H, W), True on the object.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from alexnet_demo.images.raster import disc, highest, lowest, slopes, smooth_surface

PLAIN_SIDE, CUT_SIDE = 256, 144  # longest side that masks are found at, pixels
MARGIN = 0.04  # of the centred rectangle that a cluttered photo's object is looked for in
_turn = threading.Lock()


@dataclass(frozen=True)
class Ground:
    """A plain background.

    Attributes:
        surface: its colour everywhere, with its gradient, float32 (H, W, 3).
        share: how much of the picture's border it fills, 0 to 1.
        noise: how far its pixels usually lie from it, levels.
    """

    surface: np.ndarray
    share: float
    noise: float

    @property
    def plain(self) -> bool:
        """Whether it can be taken off as one surface."""
        return self.share > 0.5 and self.noise < 7


def rim(shape: tuple[int, ...], share: float = 0.03) -> np.ndarray:
    """The frame along a picture's edges, ``share`` of its shorter side wide, bool (H, W)."""
    width = max(1, round(min(shape[:2]) * share))
    frame = np.ones(shape[:2], bool)
    frame[width:-width, width:-width] = False
    return frame


def find_ground(picture: np.ndarray) -> Ground:
    """A smooth surface through the picture's border; an object that reaches it is passed over."""
    frame = rim(picture.shape)
    surface = smooth_surface(picture.astype(np.float32), frame)
    off = np.abs(picture[frame] - surface[frame]).max(1)
    near = off < 16
    noise = float(np.percentile(off[near], 75)) if near.any() else 255.0
    return Ground(surface, float(near.mean()), noise)


# ------------------------------------------------------------------ plain ground


def plain_mask(picture: np.ndarray, ground: Ground) -> np.ndarray:
    """What differs from a plain ground, without its soft shadow.

    Args:
        picture: its longest side about `PLAIN_SIDE` pixels.
        ground: what `find_ground` gives for it.
    """
    difference = picture - ground.surface
    off = highest(np.abs(difference))
    least = max(7.0, 4 * ground.noise)
    marked = off > least
    if not marked.any():
        return marked
    marked &= ~soft_shadow(picture, ground, off, least)
    return tidy(fill_holes(marked, picture.shape), keep=0.04)


def soft_shadow(picture: np.ndarray, ground: Ground, off: np.ndarray, least: float) -> np.ndarray:
    """What a shadow on the ground is: darker without another colour, and fading into the ground.

    Found by walking in from the ground over gentle slopes only. Where most of what stands out
    would go that way it is no shadow but a pale object, and nothing is taken.
    """
    ratio = picture / np.maximum(ground.surface, 1)
    grey = ratio.mean(2)
    spread = highest(ratio) - lowest(ratio)
    gentle = slopes(picture.mean(2), blur=1) < 3.5
    passable = (spread < 0.06) & (grey > 0.55) & (grey < 1.02) & gentle
    bare = off <= least
    labels = cv2.connectedComponents((passable | bare).astype(np.uint8), connectivity=4)[1]
    joined = np.isin(labels, np.unique(labels[bare & rim(bare.shape)])) & (labels > 0)
    shadow = joined & ~bare
    return shadow if shadow.sum() < 0.5 * (~bare).sum() else np.zeros_like(bare)


def fill_holes(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Holes filled but for few wide ones, such as the one under a bag's handle.

    An object as pale as its ground shows little but its outline: then every hole is filled.
    """
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, disc(3))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    outer = np.unique(labels[rim(shape, 0)])
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    areas[outer] = areas[0] = 0  # the ground, and the object itself
    holes = [i for i in range(1, count) if areas[i] > 0]
    whole = closed.sum() + areas.sum()
    kept_open = [i for i in holes if areas[i] > 0.06 * whole]
    if sum(areas[i] for i in kept_open) > 0.6 * whole:
        kept_open = []
    fill = np.isin(labels, [i for i in holes if i not in kept_open])
    return (closed > 0) | fill


def tidy(mask: np.ndarray, keep: float) -> np.ndarray:
    """Without hairs and crumbs: opened, then parts of at least ``keep`` of the largest's area."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc(3))
    if not opened.any():
        opened = mask.astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return (areas >= max(1, keep * areas.max()))[labels] & (labels > 0)


# ------------------------------------------------------------------ cluttered


def cut_out(picture: np.ndarray, box: tuple[float, float, float, float] | None) -> np.ndarray:
    """The object in a cluttered picture, by GrabCut from a rectangle.

    Args:
        picture: its longest side about `CUT_SIDE` pixels.
        box: where the object is, shares of the sides; nearly the whole picture without it.

    Returns:
        The mask; empty where no object was told apart.
    """
    height, width = picture.shape[:2]
    left, top, right, bottom = box or (MARGIN, MARGIN, 1 - MARGIN, 1 - MARGIN)
    x0, y0 = max(1, round(left * width)), max(1, round(top * height))
    x1, y1 = min(width - 1, round(right * width)), min(height - 1, round(bottom * height))
    if x1 - x0 < 4 or y1 - y0 < 4:
        return np.zeros((height, width), bool)
    found = np.zeros((height, width), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    smooth = cv2.medianBlur(picture, 3)
    with _turn:  # the random numbers are OpenCV's own: the same picture gives the same mask
        cv2.setRNGSeed(0)
        cv2.grabCut(smooth, found, (x0, y0, x1 - x0, y1 - y0), *models, 3, cv2.GC_INIT_WITH_RECT)
    mask = (found == cv2.GC_FGD) | (found == cv2.GC_PR_FGD)
    return tidy(fill_holes(mask, mask.shape), keep=0.2) if mask.any() else mask


def without_skin(picture: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """The garment without its wearer, where one is to be seen.

    Catalogues show clothes worn. Skin has a narrow range of hues whatever its tone; a wearer shows
    it at the top (face, neck) or at the bottom (legs), and less of it than cloth.

    Args:
        picture: uint8 (H, W, 3).
        mask: wearer and garment together, bool (H, W).

    Returns:
        The garment's mask, or None where there is no sign of a wearer.
    """
    _, red, blue = cv2.split(cv2.cvtColor(cv2.medianBlur(picture, 3), cv2.COLOR_RGB2YCrCb))
    skin = (red > 138) & (red < 175) & (blue > 85) & (blue < 125) & mask
    skin = cv2.morphologyEx(skin.astype(np.uint8), cv2.MORPH_OPEN, disc(3)) > 0
    whole = max(1, int(mask.sum()))
    if not 0.03 < skin.sum() / whole < 0.45:
        return None
    rows = np.flatnonzero(mask.any(1))
    top, height = rows[0], rows[-1] + 1 - rows[0]
    ends = (slice(top, top + max(1, height // 4)), slice(top + height - height // 4, None))
    if max(skin[end].sum() / max(1, mask[end].sum()) for end in ends) < 0.25:
        return None
    skin = cv2.dilate(skin.astype(np.uint8), disc(3)) > 0
    garment = tidy(mask & ~skin, keep=0.25)
    return garment if garment.sum() > 0.3 * whole else None


def absurd(mask: np.ndarray) -> bool:
    """Whether a mask cannot be the object: hardly anything, or nearly everything."""
    return not 0.03 < float(mask.mean()) < 0.93


def resize_mask(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask at another size, its edge kept smooth, bool of that shape (H, W)."""
    size = (shape[1], shape[0])
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
