"""The fast gradient sign method (FGSM): a small push to every pixel that changes a prediction.

After Goodfellow, Shlens, and Szegedy, "Explaining and Harnessing Adversarial Examples" (2015).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input


def gradient_sign(model: AlexNet, pixels: np.ndarray, label: int) -> np.ndarray:
    """In which direction a small change of each pixel raises the loss of a class.

    Args:
        model: in evaluation mode.
        pixels: uint8 (side, side), 0 background to 255.
        label: the class that a push in this direction makes less probable.

    Returns:
        The sign of the cross-entropy's gradient with respect to the pixels before they are resized:
        float32 (side, side) of -1, 0, and 1.
    """
    weight = next(model.parameters())
    image = torch.tensor(pixels[None], dtype=torch.float32, device=weight.device)
    image.requires_grad_()
    with torch.enable_grad():
        logits = model(to_input(image).to(weight.dtype)).float()
        loss = cross_entropy(logits, torch.tensor([label], device=weight.device))
        (gradient,) = torch.autograd.grad(loss, image)
    return gradient[0].sign().cpu().numpy()


def push(pixels: np.ndarray, direction: np.ndarray, sizes: Iterable[int]) -> np.ndarray:
    """An image moved in a direction, by several numbers of gray levels.

    Args:
        pixels: uint8 (side, side).
        direction: of -1, 0, and 1, (side, side).
        sizes: N values of ε times 255.

    Returns:
        uint8 (N, side, side): no pixel changes by more than its image's size, nor leaves 0 to 255.
    """
    steps = np.asarray(list(sizes))[:, None, None] * direction
    return np.clip(pixels + steps, 0, 255).astype(np.uint8)
