"""A morph: images on a straight line between two images."""

from __future__ import annotations

import numpy as np
import torch

from alexnet_demo.network.input import to_input

STEPS = 21  # images, both ends included


def morph(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Linear interpolation, pixel by pixel, from one image to another.

    Both are first enlarged to the network's input, since a drawing has more pixels than an image of
    the dataset.

    Args:
        first, second: uint8 squares, 0 background to 255.

    Returns:
        uint8 (`STEPS`, 224, 224).
    """
    start, end = (to_input(torch.tensor(image[None]))[0] for image in (first, second))
    shares = torch.linspace(0, 1, STEPS)[:, None, None]
    return (255 * torch.lerp(start, end, shares)).round().byte().numpy()
