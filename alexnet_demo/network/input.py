"""TODO docstring."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import interpolate

from alexnet_demo.settings.article import IMAGE_SIZE


def to_input(images: Tensor) -> Tensor:
    """Grey pictures to network inputs: [0, 1], resized to 224×224 bilinearly, on their device.

    The one definition of the network's input, which training and prediction share. Equals the
    article's ``Resize(224)`` + ``ToTensor()`` up to PIL's rounding to whole grey levels.

    Args:
        images: uint8 (N, height, width), 0 background to 255.

    Returns:
        float32 (N, 1, 224, 224).
    """
    x = images.unsqueeze(1).float() / 255
    return interpolate(x, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=False)
