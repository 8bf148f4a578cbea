"""Small tools for pictures as arrays, which the ways of finding objects and ink share."""

from __future__ import annotations

import cv2
import numpy as np


def disc(diameter: int) -> np.ndarray:
    """A round structuring element, uint8 (diameter, diameter)."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))


def shrink(picture: np.ndarray, side: int) -> np.ndarray:
    """Averaged down until the longest side is at most ``side`` pixels; never enlarged."""
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    height, width = picture.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def padded(mask: np.ndarray, by: int) -> np.ndarray:
    """With ``by`` empty pixels on each side."""
    return cv2.copyMakeBorder(mask, by, by, by, by, cv2.BORDER_CONSTANT, value=0)


def slopes(grey: np.ndarray, blur: float = 2.0) -> np.ndarray:
    """How steep a picture (H, W) is at each pixel after some blur, levels a pixel, float32."""
    soft = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), blur)
    return np.hypot(cv2.Sobel(soft, -1, 1, 0), cv2.Sobel(soft, -1, 0, 1)) / 8


def lowest(channels: np.ndarray) -> np.ndarray:
    """The least of a picture's three channels, (H, W, 3) to (H, W).

    Channel by channel: NumPy's own reductions take ten times as long over so short an axis.
    """
    return np.minimum(np.minimum(channels[..., 0], channels[..., 1]), channels[..., 2])


def highest(channels: np.ndarray) -> np.ndarray:
    """The greatest of a picture's three channels, as `lowest`."""
    return np.maximum(np.maximum(channels[..., 0], channels[..., 1]), channels[..., 2])


def smooth_surface(picture: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """A quadratic surface through most of a picture's pixels; what deviates is passed over.

    Args:
        picture: float32 (H, W, 3).
        where: pixels to fit to, bool (H, W); all without it.

    Returns:
        float32 (H, W, 3).
    """
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    pixels = picture.reshape(-1, 3)
    inside = np.ones(len(pixels), bool) if where is None else where.ravel()
    step = max(1, int(inside.sum()) // 4000)  # a few thousand pixels tell six numbers well
    rows = np.flatnonzero(inside)[::step]
    sample, values = terms[rows], pixels[rows]
    good = np.abs(values - np.median(values, 0)).max(1) <= 64
    for _ in range(5):
        if good.sum() < 24:
            break
        factors = least_squares(sample[good], values[good])
        off = np.abs(values - sample @ factors).max(1)
        good = off <= 3 + 2.5 * np.median(off[good])
    else:
        return (terms @ factors.astype(np.float32)).reshape(picture.shape)
    return np.broadcast_to(np.median(values, 0), picture.shape).astype(np.float32)


def least_squares(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The factors (k, m) with which terms (n, k) come nearest to values (n, m), float64.

    By the normal equations: for a few terms of like size they are exact enough and take a
    hundredth of the time of a decomposition of all rows.
    """
    exact = terms.astype(np.float64)
    return np.linalg.lstsq(exact.T @ exact, exact.T @ values, rcond=None)[0]
