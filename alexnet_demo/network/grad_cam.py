"""Grad-CAM: evidence for a class, by position.

After Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks" (2017).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input_like


def grad_cam(model: AlexNet, pixels: np.ndarray, classes: Tensor) -> np.ndarray:
    """Evidence for a class at each position of conv5's feature maps.

    Args:
        model: in evaluation mode.
        pixels: uint8 (N, side, side), 0 background to 255.
        classes: int64 (N,), one class per image.

    Returns:
        float32 (N, h, w) in [0, 1], see `heatmaps`.
    """
    split = [name for name, _ in model.net.named_children()].index("pool5")
    with torch.no_grad():
        maps = model.net[:split](to_input_like(model, pixels))
    return heatmaps(model.net[split:], maps, classes.to(maps.device))[1].cpu().numpy()


def heatmaps(head: nn.Module, maps: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Logits and heatmaps from feature maps.

    A heatmap is the sum of the maps, each weighted by the mean gradient of the class's logit with
    respect to it, without the negative part.

    Args:
        head: the layers after the maps, in evaluation mode.
        maps: conv5's after its ReLU, (N, C, h, w).
        classes: int64 (N,), one class per image; by default the predicted ones.

    Returns:
        Logits (N, 10), and float32 (N, h, w) in [0, 1], 12×12 for the article's network. Each
        heatmap's maximum is 1, or all of it is 0 where there is no evidence for the class.
    """
    maps = maps.detach().requires_grad_()
    with torch.enable_grad():
        logits = head(maps)
        classes = logits.argmax(1) if classes is None else classes
        (gradient,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), maps)
    heat = (gradient.mean((2, 3), keepdim=True) * maps.detach()).sum(1).relu().float()
    return logits.detach(), heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-12)
