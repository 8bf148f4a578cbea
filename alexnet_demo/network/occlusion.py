"""Occlusion: how much a class's probability drops when a part of the image is covered.

After Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014). Imports no
torch.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

POSITIONS = 8  # of the square, along each side of the image
SQUARE = 1 / 4  # its side, as a share of the image's


def squares(side: int) -> np.ndarray:
    """Overlapping squares that cover an image, bool (`POSITIONS`², side, side), row by row."""
    size = round(SQUARE * side)
    starts = np.linspace(0, side - size, POSITIONS).round().astype(int)
    masks = np.zeros((POSITIONS**2, side, side), bool)
    for mask, (top, left) in zip(masks, product(starts, starts), strict=True):
        mask[top : top + size, left : left + size] = True
    return masks


def occlusion(predict: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """The drop of each class's probability when a black square covers a pixel.

    Black is the background of every image here, so a covered part is erased, and covering
    background changes nothing: such images are not classified again.

    Args:
        predict: class probabilities (N, classes) of images uint8 (N, side, side).
        pixels: uint8 (side, side), 0 background to 255.

    Returns:
        float32 (classes, side, side) in [-1, 1]: the mean drop over the squares that cover the
        pixel; negative where covering makes the class more probable.
    """
    masks = squares(len(pixels))
    images = np.concatenate([pixels[None], np.where(masks, 0, pixels)]).astype(np.uint8)
    distinct, index = np.unique(images, axis=0, return_inverse=True)
    probabilities = predict(distinct)[index.ravel()]
    drops = probabilities[0] - probabilities[1:]
    sums = np.tensordot(drops.T, masks.astype(np.float32), 1)
    return (sums / masks.sum(0)).astype(np.float32)
