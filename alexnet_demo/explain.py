"""Where a network looks: Grad-CAM."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from alexnet_demo.model import AlexNet
from alexnet_demo.preprocess import to_input


def grad_cam(model: AlexNet, pixels: np.ndarray, classes: Tensor) -> np.ndarray:
    """How much each place of conv5's feature maps speaks for a class.

    The maps are summed, each weighted by the mean gradient of the class's logit with respect to
    it, and what speaks against the class is left out: Selvaraju et al., "Grad-CAM" (2017).

    Args:
        model: in evaluation mode.
        pixels: uint8 (N, side, side), 0 background to 255.
        classes: int64 (N,), one class for each picture.

    Returns:
        float32 (N, h, w) in [0, 1], 12×12 for the article's network: the greatest value of each
        picture is 1, or all are 0 where nothing speaks for the class.
    """
    place = next(model.parameters())
    names = [name for name, _ in model.net.named_children()]
    body, head = model.net[: names.index("pool5")], model.net[names.index("pool5") :]
    x = to_input(torch.from_numpy(np.array(pixels, np.uint8)).to(place.device)).to(place.dtype)
    with torch.no_grad():
        maps = body(x)
    maps.requires_grad_()
    with torch.enable_grad():
        chosen = head(maps).gather(1, classes.to(place.device)[:, None]).sum()
        (slope,) = torch.autograd.grad(chosen, maps)
    heat = (slope.mean((2, 3), keepdim=True) * maps.detach()).sum(1).relu().float()
    return (heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-12)).cpu().numpy()
