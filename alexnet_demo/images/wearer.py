"""The garment of a catalog photo without its wearer.

Fashion-MNIST's garments were photographed alone. Other catalogs show them worn: a head above,
trousers below a top, arms beside it. On a clean white ground the wearer's silhouette is exact, so
its shape tells where the shoulders are, and its colors where the next garment begins. Elsewhere
this would do harm: shadows and clutter look like parts of a person.

Images are uint8 (H, W, 3) RGB, at most `segmentation.PLAIN_SIDE` pixels a side; masks bool (H, W),
True on the object.
"""

from __future__ import annotations

import cv2
import numpy as np

from alexnet_demo.images import raster, segmentation
from alexnet_demo.images.segmentation import BackgroundSurface

WHITE, CLEAN = 240, 1.5
"""A catalog's ground: at least this gray level, with at most this noise."""
SLENDER = 1.25
"""Least height of a person, relative to the width."""
SHOULDERS = (0.07, 0.4)
"""Where the shoulders can be, relative to a person's height."""
SHOULDER_WIDTH = 0.7
"""Relative to the torso; head and neck are narrower."""
HEAD_SKIN = 0.12
"""Least share of skin above the shoulders: a hanger or a bag's handle has none."""
WAIST = (0.45, 0.93)
"""Where another garment can begin, relative to the height below the shoulders."""
COLOR_BREAK = 22.0
"""Least distance of two garments' colors in CIELAB."""
EXPLAINED = 0.75
"""Two colors must explain the rows at least this much better than one does."""
GROWTH = 1.12
"""Pale cloth counts as found where it adds this much to the silhouette."""


def locate_garment(
    image: np.ndarray, surface: BackgroundSurface, silhouette: np.ndarray
) -> np.ndarray | None:
    """The garment's mask in a catalog photo of a wearer, or of cloth as pale as the ground.

    Args:
        surface: the image's background, from `segmentation.fit_background`.
        silhouette: from `segmentation.plain_mask`.

    Returns:
        None where the ground is not a catalog's, or the silhouette is the garment already.
    """
    white = float(np.median(surface.color)) > WHITE
    if not (white and surface.plain and surface.noise < CLEAN and silhouette.any()):
        return None
    pale = _with_pale_cloth(image, surface, silhouette)
    whole = silhouette if pale is None else pale
    skin = segmentation.skin_mask(image, whole)
    shoulders = _shoulders(whole, skin)
    if shoulders is None:
        return pale
    below = whole.copy()
    below[: max(0, shoulders - 2)] = False
    if (waist := _waist(image, whole, shoulders)) is not None:
        below[waist:] = False
    bare = cv2.dilate(segmentation.skin_mask(image, below).astype(np.uint8), raster.disk(3)) > 0
    garment = below & ~bare
    if garment.sum() > 0.5 * below.sum():  # else the cloth itself has the color of skin
        below = segmentation.drop_small_parts(garment, share=0.25)
    return below if below.sum() >= 0.1 * whole.sum() else None


def _with_pale_cloth(
    image: np.ndarray, surface: BackgroundSurface, silhouette: np.ndarray
) -> np.ndarray | None:
    """The silhouette with the cloth that hardly differs from the ground; None without any."""
    distance = raster.channel_max(np.abs(image - surface.color))
    faint = (distance > max(2.5, 1.5 * surface.noise)).astype(np.uint8)
    closed = cv2.morphologyEx(faint, cv2.MORPH_CLOSE, raster.disk(9))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, raster.disk(5))
    both = segmentation.fill_holes((opened > 0) | silhouette)
    labels = cv2.connectedComponents(both.astype(np.uint8))[1]
    areas = np.bincount(labels.ravel())
    inside = np.bincount(labels[silhouette], minlength=len(areas))
    keep = (inside > 0.1 * silhouette.sum()) | (areas > 0.15 * both.sum())
    keep[0] = False
    grown = keep[labels]
    return grown if grown.sum() > GROWTH * silhouette.sum() and grown.mean() < 0.9 else None


def _shoulders(person: np.ndarray, skin: np.ndarray) -> int | None:
    """The row where a person's shoulders begin; None where no head is above them."""
    rows, columns = np.flatnonzero(person.any(1)), np.flatnonzero(person.any(0))
    top, height = rows[0], np.ptp(rows) + 1
    if height < SLENDER * (np.ptp(columns) + 1):
        return None
    widths = person.sum(1).astype(np.float32)
    torso = np.median(widths[top + int(0.35 * height) : top + int(0.65 * height)])
    smooth = cv2.GaussianBlur(widths[:, None], (1, 5), 1)[top:, 0]
    wide = np.flatnonzero(smooth > SHOULDER_WIDTH * torso)
    if not len(wide) or not SHOULDERS[0] < wide[0] / height < SHOULDERS[1]:
        return None
    head = slice(top, top + wide[0])
    return head.stop if skin[head].sum() >= HEAD_SKIN * person[head].sum() else None


def _waist(image: np.ndarray, person: np.ndarray, shoulders: int) -> int | None:
    """The row below the shoulders where cloth of another color begins; None if there is none.

    The best split of the rows' colors into two constant parts.
    """
    colors = _row_colors(image, person, shoulders)
    count = len(colors)
    start = int(0.15 * count)  # a collar or a scarf may have another color
    best = None
    for split in range(int(WAIST[0] * count), int(WAIST[1] * count)):
        upper, lower = colors[start:split], colors[split:]
        if not (len(upper) and len(lower)):
            continue
        centers = np.median(upper, 0), np.median(lower, 0)
        cost = np.abs(upper - centers[0]).sum() + np.abs(lower - centers[1]).sum()
        if best is None or cost < best[0]:
            best = cost, split, float(np.linalg.norm(centers[0] - centers[1]))
    if best is None:
        return None
    one_color = np.abs(colors[start:] - np.median(colors[start:], 0)).sum()
    cost, split, distance = best
    two_garments = distance > COLOR_BREAK and cost < EXPLAINED * one_color
    return shoulders + split if two_garments else None


def _row_colors(image: np.ndarray, person: np.ndarray, first: int) -> np.ndarray:
    """The median color of each row of a person from ``first`` on, CIELAB, float32 (rows, 3).

    Of the middle half of a row, without the arms; rows with next to nothing repeat the last color.
    """
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    colors = [np.zeros(3, np.float32)]
    for y in range(first, np.flatnonzero(person.any(1))[-1] + 1):
        x = np.flatnonzero(person[y])
        if len(x) < 4:
            colors.append(colors[-1])
            continue
        quarter = (x[-1] - x[0]) // 4
        middle = x[(x >= x[0] + quarter) & (x <= x[-1] - quarter)]
        colors.append(np.median(lab[y, middle if len(middle) else x], 0))
    return np.stack(colors[1:])
