"""TODO docstring."""

from __future__ import annotations

import numpy as np
from PIL import Image

Box = tuple[float, float, float, float]


def to_gray(picture: np.ndarray) -> np.ndarray:
    """Luminance of uint8 (H, W, 3), uint8 (H, W)."""
    return np.asarray(Image.fromarray(picture).convert("L"))


def pixel_box(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """A box in shares of the sides as rows and columns, at least one pixel each."""
    left, top, right, bottom = box
    rows, columns = _span(top, bottom, shape[0]), _span(left, right, shape[1])
    return rows, columns


def _span(low: float, high: float, length: int) -> slice:
    first = min(round(low * length), length - 1)
    return slice(first, max(first + 1, round(high * length)))


def share_box(box: tuple[slice, slice], shape: tuple[int, ...]) -> Box:
    """Rows and columns as shares of the sides: left, top, right, bottom."""
    rows, columns = box
    height, width = shape[:2]
    return columns.start / width, rows.start / height, columns.stop / width, rows.stop / height


def mask_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around a mask, bool (H, W), that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def inside_only(mask: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    """A mask without what lies outside of some rows and columns, bool (H, W)."""
    kept = np.zeros_like(mask)
    kept[window] = mask[window]
    return kept


def cut(picture: np.ndarray, box: Box) -> np.ndarray:
    """The part of a picture (H, W, …) in a box of shares."""
    return picture[pixel_box(box, picture.shape)]
