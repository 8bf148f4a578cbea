"""Line drawings redrawn with one standard pen, and shaded inside.

People draw with pens of every width and leave gaps. The ink, as `ink.find_ink` finds it, is thinned
to its skeleton and drawn again `PEN` wide; the area that the outline encloses gets a flat gray. So
all drawings come to look alike, whatever they were drawn with.
"""

from __future__ import annotations

import cv2
import numpy as np

from alexnet_demo.images.raster import center, disk, resize_to_fit

SKETCH_SIDE = 56  # of a drawing's views, pixels; 28 and 112 work as well
SHADE = 100  # gray level of the enclosed area, 0 to 255; 0 leaves it empty
CANVAS = 224  # side that drawings are processed at, pixels: a multiple of any SKETCH_SIDE
PEN = 10  # width of the standard stroke on the canvas, pixels: 1/22 of the side
GAPS = (44, 100)  # between two line ends that are joined for the shading, pixels: short, long


def place(ink: np.ndarray) -> np.ndarray:
    """The ink (bool, cropped to its box) centered on the canvas, uint8 0 or 1 (CANVAS, CANVAS).

    Its longest side is the canvas less half a pen on each side, which the pen will fill.
    """
    side = CANVAS - PEN
    scale = side / max(ink.shape)
    scaled = resize_to_fit(ink.astype(np.float32), side)
    if scale > 1:  # smooth the stairs of single pixels
        scaled = cv2.GaussianBlur(scaled, (0, 0), 0.4 * scale)
    # A line one pixel wide may be spread over two smaller pixels.
    threshold = min(0.3, 0.45 * scale) if scale < 1 else 0.45
    return center((scaled > threshold).astype(np.uint8), CANVAS)


_NEIGHBOR_BITS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)


def _thinning_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of the 256 neighborhoods, whether its pixel is removed in the first and second pass
    of Zhang and Suen, and whether it is the end of a line; uint8 (256,)."""
    p = (np.arange(256)[:, None] >> np.arange(8)) & 1  # P2…P9, clockwise from the north
    count, runs = p.sum(1), ((p == 0) & (np.roll(p, -1, 1) == 1)).sum(1)
    edge = (count >= 2) & (count <= 6) & (runs == 1)
    north, east, south, west = p[:, 0], p[:, 2], p[:, 4], p[:, 6]
    first = edge & (north * east * south == 0) & (east * south * west == 0)
    second = edge & (north * east * west == 0) & (north * south * west == 0)
    end = (runs == 1) & (count <= 2)
    return first.astype(np.uint8), second.astype(np.uint8), end.astype(np.uint8)


_FIRST_PASS, _SECOND_PASS, _LINE_END = _thinning_tables()


def _look_up(mask: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The table's entry for the neighborhood of each pixel of the mask, 0 elsewhere."""
    codes = cv2.filter2D(mask, cv2.CV_8U, _NEIGHBOR_BITS, borderType=cv2.BORDER_CONSTANT)
    return cv2.LUT(codes, table) & mask


def thin(mask: np.ndarray) -> np.ndarray:
    """A mask's skeleton, one pixel wide, by the method of Zhang and Suen (1984).

    Both are uint8 0 or 1 (H, W).
    """
    skeleton, changed = mask.copy(), True
    while changed:
        changed = False
        for table in (_FIRST_PASS, _SECOND_PASS):
            removed = _look_up(skeleton, table)
            skeleton -= removed
            changed |= bool(removed.any())
    return skeleton


def pen_width(mask: np.ndarray, skeleton: np.ndarray) -> float:
    """The median width of a mask's strokes, pixels, given its skeleton (both (H, W))."""
    return 2 * float(np.median(cv2.distanceTransform(mask, cv2.DIST_L2, 3)[skeleton > 0]))


def redraw(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strokes of any width, from `place`, as strokes of the standard pen; filled areas stay filled.

    Returns the strokes and their skeleton, both uint8 0 or 1 (CANVAS, CANVAS).
    """
    joined = cv2.morphologyEx(np.pad(mask, PEN), cv2.MORPH_CLOSE, disk(PEN // 2))
    joined = joined[PEN:-PEN, PEN:-PEN]
    skeleton = thin(joined)
    if not skeleton.any():
        return joined, skeleton
    # Wider than an outline ever is: a filled area.
    solid = round(min(max(1.8 * pen_width(joined, skeleton), 2.2 * PEN), 0.14 * CANVAS))
    filled = cv2.morphologyEx(joined, cv2.MORPH_OPEN, disk(solid))
    return np.maximum(cv2.dilate(skeleton, disk(PEN)), filled), skeleton


def _bridges(skeleton: np.ndarray, reach: int) -> np.ndarray:
    """Straight lines between line ends at most ``reach`` pixels apart, uint8 0 or 1 (H, W).

    Each end is joined once, the closest pairs first.
    """
    ends = cv2.findNonZero(_look_up(skeleton, _LINE_END))  # x, y
    lines = np.zeros_like(skeleton)
    if ends is None or len(ends) < 2:
        return lines
    ends = ends.reshape(-1, 2)[:80]
    distance = np.hypot(*(ends[:, None] - ends[None]).transpose(2, 0, 1))
    first, second = np.triu_indices(len(ends), 1)
    free = np.ones(len(ends), bool)
    for pair in np.argsort(distance[first, second], kind="stable"):
        a, b = first[pair], second[pair]
        if distance[a, b] > reach:
            break
        if free[a] and free[b]:
            free[[a, b]] = False
            cv2.line(lines, ends[a].tolist(), ends[b].tolist(), 1, 2)
    return lines


def _enclosed(strokes: np.ndarray, gap: int) -> np.ndarray:
    """What cannot be reached from outside without crossing a stroke, or a gap of that width.

    Both are uint8 0 or 1 (H, W); the result is without the strokes.
    """
    margin = gap + 2
    wall = np.pad(strokes, margin)
    closed = cv2.morphologyEx(wall, cv2.MORPH_CLOSE, disk(gap)) if gap > 1 else wall.copy()
    cv2.floodFill(closed, None, (0, 0), 2)
    outside = (closed == 2).astype(np.uint8)
    # Closing also fills notches of the outline. The outside grows back into them, as far as the
    # closing reached and never over a stroke.
    free = 1 - wall
    for _ in range((gap + 1) // 2):
        outside = cv2.dilate(outside, disk(3)) & free
    return (free & (1 - outside))[margin:-margin, margin:-margin]


def interior(strokes: np.ndarray, skeleton: np.ndarray) -> np.ndarray:
    """The area that the outline encloses, uint8 0 or 1 (H, W); empty where it stays open.

    Gaps are bridged only as wide as needed for the outline to enclose a good part of its hull.
    """
    contours, _ = cv2.findContours(strokes, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return np.zeros_like(strokes)
    hull = cv2.contourArea(cv2.convexHull(np.concatenate(contours)))
    short, long = (strokes | _bridges(skeleton, reach) for reach in GAPS)
    best = np.zeros_like(strokes)
    for wall, gap in ((strokes, 1), (short, 1), (short, PEN), (short, 2 * PEN), (long, PEN)):
        area = _enclosed(wall, gap) & (1 - strokes)
        if area.sum() > 1.3 * best.sum():
            best = area
        if best.sum() + strokes.sum() > 0.6 * hull:
            break
    return best if best.sum() > 0.1 * hull else np.zeros_like(strokes)


def render(strokes: np.ndarray, interior: np.ndarray) -> np.ndarray:
    """Strokes 255, their interior `SHADE`, the rest 0: uint8 (SKETCH_SIDE, SKETCH_SIDE)."""
    canvas = np.maximum(strokes * np.uint8(255), interior * np.uint8(SHADE))
    return cv2.resize(canvas, (SKETCH_SIDE, SKETCH_SIDE), interpolation=cv2.INTER_AREA)
