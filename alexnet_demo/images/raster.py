"""Operations on images as arrays, shared by the modules that find objects and ink."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image


def to_gray(image: np.ndarray) -> np.ndarray:
    """Luminance of an RGB image, uint8 (H, W, 3) → uint8 (H, W)."""
    return np.asarray(Image.fromarray(image).convert("L"))


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Rounded and clipped to 0…255."""
    return np.rint(image).clip(0, 255).astype(np.uint8)


def disk(diameter: int) -> np.ndarray:
    """A round structuring element, uint8 (diameter, diameter)."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))


def fitted_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Width and height scaled so that the longer one is ``side``; at least one pixel each."""
    scale = side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def resize_to_fit(image: np.ndarray, side: int) -> np.ndarray:
    """Scaled so that the longest side is ``side`` pixels: averaged down, or enlarged bilinearly."""
    height, width = image.shape[:2]
    how = cv2.INTER_AREA if side < max(height, width) else cv2.INTER_LINEAR
    return cv2.resize(image, fitted_size(width, height, side), interpolation=how)


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Averaged down until the longest side is at most ``side`` pixels; never enlarged."""
    return image if side >= max(image.shape[:2]) else resize_to_fit(image, side)


def center(image: np.ndarray, side: int) -> np.ndarray:
    """An image (H, W), no larger than ``side``, in the center of a black square of that side."""
    free = [side - length for length in image.shape]
    return np.pad(image, [(length // 2, length - length // 2) for length in free])


def gradient_magnitude(gray: np.ndarray, blur: float = 2.0) -> np.ndarray:
    """Gray levels per pixel after a Gaussian blur of this sigma, (H, W) → float32 (H, W)."""
    soft = cv2.GaussianBlur(gray.astype(np.float32), (0, 0), blur)
    return np.hypot(cv2.Sobel(soft, -1, 1, 0), cv2.Sobel(soft, -1, 0, 1)) / 8


def channel_min(image: np.ndarray) -> np.ndarray:
    """The least of the three channels, (H, W, 3) → (H, W).

    Channel by channel: NumPy's own reductions take ten times as long over so short an axis.
    """
    return np.minimum(np.minimum(image[..., 0], image[..., 1]), image[..., 2])


def channel_max(image: np.ndarray) -> np.ndarray:
    """The greatest of the three channels, computed as in `channel_min`."""
    return np.maximum(np.maximum(image[..., 0], image[..., 1]), image[..., 2])


def channel_range(image: np.ndarray) -> np.ndarray:
    """The difference of the greatest and the least channel, 0 for gray."""
    return channel_max(image) - channel_min(image)


def smooth_surface(image: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """A quadratic surface fitted to an image, robust to outliers; both float32 (H, W, 3).

    Args:
        image: what to fit to.
        where: pixels to fit to, bool (H, W); all of them if None.
    """
    height, width = image.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    surface = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    terms, pixels = surface.reshape(-1, 6), image.reshape(-1, 3)
    inside = np.ones(len(pixels), bool) if where is None else where.ravel()
    step = max(1, int(inside.sum()) // 1500)  # 1,500 pixels determine six numbers well
    rows = np.flatnonzero(inside)[::step]
    sample, values = terms[rows], pixels[rows]
    inliers = channel_max(np.abs(values - np.median(values, 0))) <= 64
    for _ in range(5):
        if inliers.sum() < 24:
            break
        factors = least_squares(sample[inliers], values[inliers])
        residual = channel_max(np.abs(values - sample @ factors))
        inliers = residual <= 3 + 2.5 * np.median(residual[inliers])
    else:
        # Not by NumPy's product: for so thin a matrix, its threads cost twenty times as much.
        return cv2.transform(surface, factors.T)
    return np.broadcast_to(np.median(values, 0), image.shape).astype(np.float32)


def least_squares(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The factors (k, m), float64, that bring terms (n, k) closest to values (n, m).

    Solves the normal equations: accurate enough for a few terms of similar size, and a hundred
    times as fast as a decomposition of all rows.
    """
    exact = terms.astype(np.float64)
    return np.linalg.lstsq(exact.T @ exact, exact.T @ values, rcond=None)[0]
