"""Line drawings drawn anew with one standard pen, and shaded inside.

People draw with pens of every width, and leave gaps. The ink, as `paper` finds it, is thinned to
its middle lines, and drawn again `PEN` wide; what the outline encloses gets a flat grey. So every
drawing comes to look alike, whatever it was drawn with.
"""

from __future__ import annotations

import cv2
import numpy as np

from alexnet_demo.images.raster import disc, padded

SKETCH_SIDE = 56  # of a drawing made ready, pixels; 28 and 112 work as well
SHADE = 100  # grey of what the outline encloses, 0 to 255; 0 leaves it empty
CANVAS = 224  # side that drawings are worked on at, pixels: a multiple of any SKETCH_SIDE
PEN = 10  # width of the standard stroke on the canvas, pixels: 1/22 of the side
GAPS = (44, 100)  # bridged between two loose ends for the shading, first short, then long: pixels


def place(ink: np.ndarray) -> np.ndarray:
    """The ink (bool, cropped to its box) centred on the canvas, uint8 0 or 1 (CANVAS, CANVAS).

    Its longest side is the canvas less half a pen all round, which the pen then fills.
    """
    height, width = ink.shape
    scale = (CANVAS - PEN) / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(ink.astype(np.float32), size, interpolation=how)
    if scale > 1:  # the stairs of single pixels
        scaled = cv2.GaussianBlur(scaled, (0, 0), 0.4 * scale)
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    top, left = (CANVAS - size[1]) // 2, (CANVAS - size[0]) // 2
    # A line one pixel wide may share its ink between two smaller ones.
    least = min(0.3, 0.45 * scale) if scale < 1 else 0.45
    canvas[top : top + size[1], left : left + size[0]] = scaled > least
    return canvas


# ------------------------------------------------------------------ one pen for all


_AROUND = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)  # a bit for each neighbour


def _neighbours() -> tuple[np.ndarray, np.ndarray]:
    """For each of the 256 neighbourhoods: its pixels P2…P9 (256, 8) and its runs of ink (256,)."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    runs = ((bits == 0) & (np.roll(bits, -1, 1) == 1)).sum(1)
    return bits, runs


def _thinning_tables() -> tuple[np.ndarray, np.ndarray]:
    """Which neighbourhoods a pixel is taken away from, in the two passes of Zhang and Suen."""
    p, runs = _neighbours()
    edge = (p.sum(1) >= 2) & (p.sum(1) <= 6) & (runs == 1)
    north, east, south, west = p[:, 0], p[:, 2], p[:, 4], p[:, 6]
    first = edge & (north * east * south == 0) & (east * south * west == 0)
    second = edge & (north * east * west == 0) & (north * south * west == 0)
    return first.astype(np.uint8), second.astype(np.uint8)


_PASSES = _thinning_tables()
_IS_END = ((_neighbours()[1] == 1) & (_neighbours()[0].sum(1) <= 2)).astype(np.uint8)


def _codes(mask: np.ndarray) -> np.ndarray:
    return cv2.filter2D(mask, cv2.CV_8U, _AROUND, borderType=cv2.BORDER_CONSTANT)


def skeleton(mask: np.ndarray) -> np.ndarray:
    """The middle lines of a mask, one pixel wide, by the method of Zhang and Suen (1984).

    Args:
        mask: uint8 0 or 1 (H, W).

    Returns:
        uint8 0 or 1 (H, W).
    """
    thin = mask.copy()
    changed = True
    while changed:
        changed = False
        for table in _PASSES:
            taken = cv2.LUT(_codes(thin), table) & thin
            if taken.any():
                thin -= taken
                changed = True
    return thin


def pen_width(mask: np.ndarray, middle: np.ndarray) -> float:
    """The usual width of the strokes of a mask, in pixels, from its middle lines (both (H, W))."""
    return 2 * float(np.median(cv2.distanceTransform(mask, cv2.DIST_L2, 3)[middle > 0]))


def redraw(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strokes of any width as strokes of the standard pen; filled parts stay filled.

    Args:
        mask: what `place` gives.

    Returns:
        The strokes, and their middle lines, both uint8 0 or 1 (CANVAS, CANVAS).
    """
    joined = cv2.morphologyEx(padded(mask, PEN), cv2.MORPH_CLOSE, disc(PEN // 2))
    joined = joined[PEN:-PEN, PEN:-PEN]
    middle = skeleton(joined)
    if not middle.any():
        return joined, middle
    # Wider than an outline ever is: a part that was filled in.
    solid = round(min(max(1.8 * pen_width(joined, middle), 2.2 * PEN), 0.14 * CANVAS))
    filled = cv2.morphologyEx(joined, cv2.MORPH_OPEN, disc(solid))
    return np.maximum(cv2.dilate(middle, disc(PEN)), filled), middle


# ------------------------------------------------------------------ what the outline encloses


def bridges(middle: np.ndarray, reach: int) -> np.ndarray:
    """Straight lines between loose ends at most ``reach`` pixels apart, uint8 0 or 1 (H, W).

    Each end is joined once, the nearest pairs first.
    """
    ends = np.argwhere(cv2.LUT(_codes(middle), _IS_END) & middle)[:80]
    lines = np.zeros_like(middle)
    if len(ends) < 2:
        return lines
    distance = np.hypot(*(ends[:, None] - ends[None]).transpose(2, 0, 1))
    first, second = np.triu_indices(len(ends), 1)
    free = np.ones(len(ends), bool)
    for pair in np.argsort(distance[first, second], kind="stable"):
        a, b = first[pair], second[pair]
        if distance[a, b] > reach:
            break
        if free[a] and free[b]:
            free[[a, b]] = False
            cv2.line(lines, ends[a][::-1].tolist(), ends[b][::-1].tolist(), 1, 2)
    return lines


def enclosed(strokes: np.ndarray, gap: int) -> np.ndarray:
    """What cannot be reached from outside without crossing a stroke.

    Args:
        strokes: uint8 0 or 1 (H, W).
        gap: widest gap, in pixels, that counts as closed.

    Returns:
        uint8 0 or 1 (H, W), without the strokes.
    """
    by = gap + 2
    wall = padded(strokes, by)
    closed = cv2.morphologyEx(wall, cv2.MORPH_CLOSE, disc(gap)) if gap > 1 else wall.copy()
    cv2.floodFill(closed, None, (0, 0), 2)
    outside = (closed == 2).astype(np.uint8)
    # Closing also fills notches of the outline: from outside the ground comes back in, as far
    # as the closing reached and never over a stroke.
    free = 1 - wall
    for _ in range((gap + 1) // 2):
        outside = cv2.dilate(outside, disc(3)) & free
    return (free & (1 - outside))[by:-by, by:-by]


def interior(strokes: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """What the drawing's outline encloses, uint8 0 or 1 (H, W); nothing where it stays open.

    Gaps are bridged no wider than it takes until the outline encloses a good part of its hull.
    """
    points = cv2.findNonZero(strokes)
    if points is None:
        return np.zeros_like(strokes)
    hull = cv2.contourArea(cv2.convexHull(points))
    short, long = (strokes | bridges(middle, reach) for reach in GAPS)
    best = np.zeros_like(strokes)
    for wall, gap in ((strokes, 1), (short, 1), (short, PEN), (short, 2 * PEN), (long, PEN)):
        found = enclosed(wall, gap) & (1 - strokes)
        if found.sum() > 1.3 * best.sum():
            best = found
        if best.sum() + strokes.sum() > 0.6 * hull:
            break
    return best if best.sum() > 0.1 * hull else np.zeros_like(strokes)


def render(strokes: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Strokes 255, what they enclose `SHADE`, the rest 0: uint8 (SKETCH_SIDE, SKETCH_SIDE)."""
    canvas = np.maximum(strokes * np.uint8(255), inside * np.uint8(SHADE))
    return cv2.resize(canvas, (SKETCH_SIDE, SKETCH_SIDE), interpolation=cv2.INTER_AREA)
