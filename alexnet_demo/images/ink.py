"""Drawings distinguished from photos, and their ink from the paper, in any light.

Except in `is_drawing`, ink is dark on light paper; images of light ink are inverted before.
"""

from __future__ import annotations

import cv2
import numpy as np

from alexnet_demo.images import raster

DETECTION_SIDE = 256  # longest side at which drawings are distinguished from photos, pixels


def is_drawing(gray: np.ndarray, tolerance: float = 2.0) -> bool:
    """Whether an image shows thin lines on an otherwise plain background.

    Without its lines a drawing is empty paper, however softly it is lit; a photo still shows its
    object. The score adds up what is left without the lines: the share of edges, the share of
    edges relative to the lines' contrast, and the strength of what is beside the lines.

    Args:
        gray: uint8 (H, W).
        tolerance: the score below which it is a drawing. Drawings score less than 1, photographed
            drawings rarely more than 2, photos nearly always more than 5.
    """
    small = raster.shrink(gray, DETECTION_SIDE)
    lines, rest, _ = split_lines(small)
    peak = max(float(np.percentile(lines, 99.5)), 1)
    grain = cv2.absdiff(small, cv2.GaussianBlur(small, (0, 0), 1))
    ink = lines > max(6, 0.33 * peak, 3 * float(grain.mean()))
    if not 0.002 < ink.mean() < 0.4 or _is_surface(ink):
        return False
    steep = raster.gradient_magnitude(rest)
    beside = lines[cv2.dilate(ink.astype(np.uint8), raster.disk(5)) == 0]
    residue = float(np.percentile(beside, 95)) / peak if beside.size else 1.0
    score = (steep > 2.5).mean() / 0.02 + (steep > 0.04 * peak).mean() / 0.02 + residue / 0.1
    if peak < 60 and max(grain[0].mean(), grain[-1].mean()) < 0.3:
        tolerance = 0.5  # faint lines on a background without grain: likely pale cloth on white
    return bool(score < tolerance) or _is_scribble(small, lines)


def split_lines(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Separate thin lines from the rest of an image.

    Dark lines are removed by closing, light ones by opening, whichever leaves the plainer rest.

    Args:
        gray: uint8 (H, W); lines up to 8% of `DETECTION_SIDE` wide are thin.

    Returns:
        The lines' contrast with their surroundings, uint8 (H, W); the image without them, uint8
        (H, W); and whether the lines are darker than the background.
    """
    closed = cv2.morphologyEx(gray, cv2.MORPH_CLOSE, raster.disk(21))
    opened = cv2.morphologyEx(gray, cv2.MORPH_OPEN, raster.disk(21))
    roughness = [np.minimum(raster.gradient_magnitude(rest), 8).mean() for rest in (closed, opened)]
    dark = bool(roughness[0] <= roughness[1])
    rest = closed if dark else opened
    return cv2.absdiff(gray, rest), rest, dark


def _is_surface(ink: np.ndarray) -> bool:
    """Whether thin structures, bool (H, W), are so dense that they form a surface: print dots."""
    joined = cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_CLOSE, raster.disk(3))
    return bool(cv2.morphologyEx(joined, cv2.MORPH_OPEN, raster.disk(17)).sum() > 0.6 * ink.sum())


def _is_scribble(gray: np.ndarray, lines: np.ndarray) -> bool:
    """Whether an image has only two tones, and much of the ink is lines though parts are filled.

    Both are uint8 (H, W); the lines' contrast is from `split_lines`.
    """
    contrast = np.abs(gray - float(np.median(gray)))
    peak = max(float(np.percentile(contrast, 99)), 1)
    ink, thin = contrast > 0.5 * peak, lines > 0.5 * peak
    between = (contrast > 0.15 * peak) & (contrast < 0.7 * peak)
    return bool(between.mean() < 0.08 and (ink & thin).sum() > 0.4 * ink.sum())


def isolate_sheet(image: np.ndarray) -> np.ndarray | None:
    """Remove the table around a sheet of paper: the paper is extended over the whole image.

    Images are uint8 (H, W, 3). Returns None where there is no large bright quadrilateral.
    """
    small = raster.shrink(image, 160)
    gray = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 1)
    _, bright = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    outline = max(contours, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    corners = cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, True), True)
    area = cv2.contourArea(outline)
    quadrilateral = len(corners) == 4 and area > 0.95 * cv2.contourArea(hull)
    borders = (bright[0], bright[-1], bright[:, 0], bright[:, -1])
    no_table = np.mean([border.mean() for border in borders]) > 0.5
    if not quadrilateral or no_table or area < 0.2 * gray.size:
        return None
    sheet = cv2.drawContours(np.zeros_like(gray), [outline], -1, 1, cv2.FILLED)
    sheet = cv2.erode(np.pad(sheet, 1), raster.disk(7))[1:-1, 1:-1]
    if not sheet.any():
        return None
    size = image.shape[1::-1]
    opacity = cv2.resize(sheet.astype(np.float32), size)[..., None]
    paper = cv2.resize(_extrapolate(small.astype(np.float32), sheet > 0), size)
    return raster.to_uint8(opacity * image + (1 - opacity) * paper)


def _extrapolate(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill in unknown pixels of float32 (H, W, 3) from known ones, the closest count most."""
    weight = known.astype(np.float32)
    filled = np.broadcast_to(image[known].mean(0), image.shape).astype(np.float32)
    for sigma in (60, 24, 10, 4):
        near = cv2.GaussianBlur(weight, (0, 0), sigma)[..., None]
        mean = cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma) / np.maximum(near, 1e-4)
        trust = np.minimum(near / 0.2, 1)
        filled = trust * mean + (1 - trust) * filled
    return np.where(known[..., None], image, filled)


def contrast(image: np.ndarray) -> np.ndarray:
    """How much darker than the paper each pixel is, in the channel where that is most.

    uint8 (H, W, 3) → float32 (H, W), from 0 for paper to 1 for black; noise reaches below 0.
    """
    return 1 - raster.channel_min(image / estimate_paper(image))


def estimate_paper(image: np.ndarray) -> np.ndarray:
    """The color of the paper everywhere, also under the ink.

    Closing removes lines. A smooth surface fitted to the rest reveals filled areas, which take the
    color of the paper around them. uint8 (H, W, 3) → float32 (H, W, 3), at least 1.
    """
    small = raster.shrink(image, 128)
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, raster.disk(11)).astype(np.float32)
    surface = raster.smooth_surface(closed)
    bare = np.asarray((closed > 0.8 * surface).all(2), np.float32)
    weight = cv2.GaussianBlur(bare, (0, 0), 8)[..., None]
    blurred = cv2.GaussianBlur(closed * bare[..., None], (0, 0), 8)
    paper = np.where(weight > 0.05, blurred / np.maximum(weight, 0.05), surface)
    return np.maximum(cv2.resize(paper, image.shape[1::-1]), 1)


def find_ink(contrast: np.ndarray) -> np.ndarray:
    """The ink, bool (H, W), from its `contrast`, by thresholding with hysteresis.

    The thresholds follow the strongest ink and the paper's noise, so that faint pencil is found
    as well as a black pen.
    """
    middle = float(np.median(contrast))
    noise = 1.4826 * float(np.median(np.abs(contrast - middle)))
    least = max(0.05, 4 * noise + max(middle, 0))
    marked = contrast[contrast > least]
    if marked.size < 8:
        return np.zeros(contrast.shape, bool)
    peak = float(np.percentile(marked, 90))
    weak = contrast > max(least, 0.25 * peak)
    strong = contrast > max(least, 0.45 * peak)
    _, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    return np.isin(labels, labels[strong])


def drop_specks(ink: np.ndarray) -> np.ndarray:
    """Without specks and without what merely follows the image's border, bool (H, W).

    Nothing is dropped where less than half of the ink would be left.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    if count <= 2:
        return ink
    extent = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1)
    border = np.ones(ink.shape, bool)
    width = max(2, round(0.03 * max(ink.shape)))
    border[width:-width, width:-width] = False
    on_border = np.bincount(labels[border], minlength=count)
    large = extent >= 0.04 * extent[1:].max()
    cleaned = (large & (on_border < 0.6 * stats[:, cv2.CC_STAT_AREA]))[labels] & ink
    return cleaned if cleaned.sum() * 2 >= ink.sum() else ink
