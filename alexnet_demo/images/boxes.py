"""Bounding boxes, relative to the image or in pixels, and the parts of images inside them."""

from __future__ import annotations

import numpy as np

Box = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of the image's width and height."""
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def pixel_slices(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of a relative box in an image of this shape, at least one of each."""

    def span(low: float, high: float, length: int) -> slice:
        first = min(round(low * length), length - 1)
        return slice(first, max(first + 1, round(high * length)))

    left, top, right, bottom = box
    return span(top, bottom, shape[0]), span(left, right, shape[1])


def bounding_box(mask: np.ndarray) -> Box:
    """The smallest box around a mask, bool (H, W), that is not empty."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height


def clip_mask(mask: np.ndarray, box: Box) -> np.ndarray:
    """A copy of a mask, bool (H, W), that is False outside the box."""
    slices = pixel_slices(box, mask.shape)
    clipped = np.zeros_like(mask)
    clipped[slices] = mask[slices]
    return clipped


def crop(image: np.ndarray, box: Box) -> np.ndarray:
    """The part of an image (H, W, …) inside the box."""
    return image[pixel_slices(box, image.shape)]
