"""The one definition of the network's input, which training and prediction share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from alexnet_demo.settings.article import IMAGE_SIZE


def to_input(images: Tensor) -> Tensor:
    """Network inputs from grayscale images: in [0, 1], resized to 224×224 bilinearly.

    Equals the article's ``Resize(224)`` + ``ToTensor()`` up to PIL's rounding to whole gray levels.

    Args:
        images: uint8 (N, height, width), 0 background to 255; floats pass gradients on.

    Returns:
        float32 (N, 1, 224, 224).
    """
    x = images.unsqueeze(1).float() / 255
    return interpolate(x, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=False)


def to_input_like(model: nn.Module, pixels: np.ndarray) -> Tensor:
    """`to_input` of a uint8 array (N, height, width), on the model's device and in its dtype."""
    weight = next(model.parameters())
    return to_input(torch.from_numpy(np.array(pixels, np.uint8)).to(weight.device)).to(weight.dtype)
