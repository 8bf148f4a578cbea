"""Drawings told from photos, and their ink from the paper, in any light.

Ink is dark on light paper here; `dark_ink` brings a drawing there.
"""

from __future__ import annotations

import cv2
import numpy as np

from alexnet_demo.images.raster import disc, lowest, padded, shrink, slopes, smooth_surface

LOOK_SIDE = 256  # longest side at which a drawing is told from a photo, pixels


# ------------------------------------------------------------------ is it a drawing?


def is_drawing(grey: np.ndarray, tolerance: float = 2.0) -> bool:
    """Whether a grey picture, uint8 (H, W), shows thin lines on a ground that is plain otherwise.

    Without its lines a drawing is empty paper, however softly it is lit; a photo still shows its
    object. Three shares tell how far a picture is from that: of edges, of edges as measured
    against the lines' contrast, and how strong what is left beside the lines is.

    Args:
        grey: uint8 (H, W).
        tolerance: how much of that a drawing may have. Drawings have less than 1, photographed
            ones seldom more than 2, photos nearly always more than 5.
    """
    small = shrink(grey, LOOK_SIDE)
    lines, rest, _ = lines_and_rest(small)
    peak = max(float(np.percentile(lines, 99.5)), 1)
    grain = cv2.absdiff(small, cv2.GaussianBlur(small, (0, 0), 1))
    noise = float(grain.mean())
    ink = lines > max(6, 0.33 * peak, 3 * noise)
    if not 0.002 < ink.mean() < 0.4 or is_surface(ink):
        return False
    steep = slopes(rest)
    beside = lines[cv2.dilate(ink.astype(np.uint8), disc(5)) == 0]
    left = float(np.percentile(beside, 95)) / peak if beside.size else 1.0
    doubt = (steep > 2.5).mean() / 0.02 + (steep > 0.04 * peak).mean() / 0.02 + left / 0.1
    if peak < 60 and max(grain[0].mean(), grain[-1].mean()) < 0.3:
        tolerance = 0.5  # faint lines on a ground without grain: more likely pale cloth on white
    return bool(doubt < tolerance) or is_scribble(small, lines)


def lines_and_rest(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Separate thin lines from the rest of a picture.

    Dark lines are closed away, or light ones opened, whichever leaves the plainer rest.

    Args:
        grey: uint8 (H, W); lines up to 8 % of `LOOK_SIDE` wide are thin.

    Returns:
        What is thin: its contrast to what is around it, uint8 (H, W); the picture without it,
        uint8 (H, W); and whether the lines are darker than their ground.
    """
    kernel = disc(21)
    closed = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, kernel)
    opened = cv2.morphologyEx(grey, cv2.MORPH_OPEN, kernel)
    dark = np.minimum(slopes(closed), 8).mean() <= np.minimum(slopes(opened), 8).mean()
    rest = closed if dark else opened
    return cv2.absdiff(grey, rest), rest, bool(dark)


def is_surface(ink: np.ndarray) -> bool:
    """Whether what is thin, bool (H, W), lies so close that it is a surface, as print dots do."""
    joined = cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_CLOSE, disc(3))
    return bool(cv2.morphologyEx(joined, cv2.MORPH_OPEN, disc(17)).sum() > 0.6 * ink.sum())


def is_scribble(grey: np.ndarray, lines: np.ndarray) -> bool:
    """Whether a picture has two tones only, and much of the ink is lines though parts are filled.

    Args:
        grey: uint8 (H, W).
        lines: what `lines_and_rest` gives for it, uint8 (H, W).
    """
    away = np.abs(grey - float(np.median(grey)))
    reach = max(float(np.percentile(away, 99)), 1)
    ink, thin = away > 0.5 * reach, lines > 0.5 * reach
    between = (away > 0.15 * reach) & (away < 0.7 * reach)
    return bool(between.mean() < 0.08 and (ink & thin).sum() > 0.4 * ink.sum())


def only_sheet(picture: np.ndarray) -> np.ndarray | None:
    """A picture of a sheet of paper on a table without the table.

    Args:
        picture: uint8 (H, W, 3).

    Returns:
        The same with the paper carried on beyond its edges, uint8 (H, W, 3); None where no large
        bright four-cornered thing is to be seen.
    """
    small = shrink(picture, 160)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 1)
    _, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    outline = max(contours, key=cv2.contourArea)
    hull = cv2.convexHull(outline)
    corners = cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, True), True)
    area = cv2.contourArea(outline)
    four = len(corners) == 4 and area > 0.95 * cv2.contourArea(hull)
    edges = (bright[0], bright[-1], bright[:, 0], bright[:, -1])
    all_over = np.mean([edge.mean() for edge in edges]) > 0.5  # no table to be seen
    if not four or all_over or area < 0.2 * grey.size:
        return None
    sheet = cv2.drawContours(np.zeros_like(grey), [outline], -1, 1, cv2.FILLED)
    sheet = cv2.erode(padded(sheet, 1), disc(7))[1:-1, 1:-1]
    if not sheet.any():
        return None
    beyond = carried_on(small.astype(np.float32), sheet > 0)
    size = (picture.shape[1], picture.shape[0])
    share = cv2.resize(sheet.astype(np.float32), size)[..., None]
    carried = cv2.resize(beyond, size)
    return np.rint(share * picture + (1 - share) * carried).clip(0, 255).astype(np.uint8)


def carried_on(picture: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Pixels that are not known made up from known ones near them, float32 (H, W, 3).

    Args:
        picture: float32 (H, W, 3).
        known: bool (H, W), somewhere True.
    """
    weight = known.astype(np.float32)
    filled = np.broadcast_to(picture[known].mean(0), picture.shape).astype(np.float32)
    for blur in (60, 24, 10, 4):  # the nearer, the more it counts
        near = cv2.GaussianBlur(weight, (0, 0), blur)[..., None]
        mean = cv2.GaussianBlur(picture * weight[..., None], (0, 0), blur) / np.maximum(near, 1e-4)
        trust = np.minimum(near / 0.2, 1)
        filled = trust * mean + (1 - trust) * filled
    return np.where(known[..., None], picture, filled)


# ------------------------------------------------------------------ ink and paper


def dark_ink(picture: np.ndarray, inverted: bool) -> np.ndarray:
    """The picture as it is where ink is dark, its negative where ink is light; uint8."""
    return picture if inverted else 255 - picture


def paper(picture: np.ndarray) -> np.ndarray:
    """The paper under a drawing in dark ink: its colour everywhere, ink taken away.

    Lines are closed away; a smooth surface through the rest tells what is left of filled parts,
    and the paper's colour is carried over from around them.

    Args:
        picture: uint8 (H, W, 3).

    Returns:
        float32 (H, W, 3), at least 1.
    """
    small = shrink(picture, 128)
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, disc(11)).astype(np.float32)
    surface = smooth_surface(closed)
    bare = np.asarray((closed > 0.8 * surface).all(2), np.float32)
    weight = cv2.GaussianBlur(bare, (0, 0), 8)[..., None]
    carried = cv2.GaussianBlur(closed * bare[..., None], (0, 0), 8)
    ground = np.where(weight > 0.05, carried / np.maximum(weight, 0.05), surface)
    size = (picture.shape[1], picture.shape[0])
    return np.maximum(cv2.resize(ground, size, interpolation=cv2.INTER_LINEAR), 1)


def contrast(picture: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """How much darker than the paper each pixel is, in the channel that shows it most.

    Args:
        picture: uint8 (H, W, 3), ink dark.
        ground: what `paper` gives, float32 (H, W, 3).

    Returns:
        float32 (H, W), 0 paper to 1 black; noise goes below 0.
    """
    return 1 - lowest(picture / ground)


def lit_evenly(picture: np.ndarray) -> np.ndarray:
    """A drawing in dark ink, uint8 (H, W, 3), as if on white paper in even light, uint8 (H, W)."""
    strength = contrast(picture, paper(picture))
    return np.rint((1 - strength.clip(0, 1)) * 255).astype(np.uint8)


def find_ink(strength: np.ndarray) -> np.ndarray:
    """The ink, bool (H, W), from its contrast (H, W).

    Thresholds follow the strongest ink there is and the paper's noise, so that faint pencil is
    found as well as a black pen; weak parts count where they are joined to strong ones.
    """
    middle = float(np.median(strength))
    noise = 1.4826 * float(np.median(np.abs(strength - middle)))
    least = max(0.05, 4 * noise + max(middle, 0))
    marked = strength[strength > least]
    if marked.size < 8:
        return np.zeros(strength.shape, bool)
    peak = float(np.percentile(marked, 90))
    weak = strength > max(least, 0.25 * peak)
    strong = strength > max(least, 0.45 * peak)
    _, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    kept = np.zeros(labels.max() + 1, bool)
    kept[labels[strong]] = True
    kept[0] = False
    return kept[labels]


def drop_specks(ink: np.ndarray) -> np.ndarray:
    """Without specks and without what merely runs along the picture's edge, bool (H, W).

    Nothing is dropped where that would leave less than half of the ink.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    if count <= 2:
        return ink
    extent = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(1)
    kept = extent >= 0.04 * extent[1:].max()
    rim = np.ones(ink.shape, bool)
    frame = max(2, round(0.03 * max(ink.shape)))
    rim[frame:-frame, frame:-frame] = False
    areas = stats[:, cv2.CC_STAT_AREA]
    kept &= np.bincount(labels[rim], minlength=count) < 0.6 * areas
    kept[0] = False
    cleaned = kept[labels]
    return cleaned if cleaned.sum() * 2 >= ink.sum() else ink
