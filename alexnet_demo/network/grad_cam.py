"""Where a network looks: Grad-CAM."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input


def grad_cam(model: AlexNet, pixels: np.ndarray, classes: Tensor) -> np.ndarray:
    """How much each place of conv5's feature maps speaks for a class.

    Args:
        model: in evaluation mode.
        pixels: uint8 (N, side, side), 0 background to 255.
        classes: int64 (N,), one class for each picture.

    Returns:
        float32 (N, h, w) in [0, 1], see `heatmaps`.
    """
    place = next(model.parameters())
    body, head = parts(model)
    x = to_input(torch.from_numpy(np.array(pixels, np.uint8)).to(place.device)).to(place.dtype)
    with torch.no_grad():
        maps = body(x)
    return heatmaps(head, maps, classes.to(place.device))[1].cpu().numpy()


def parts(model: AlexNet) -> tuple[nn.Sequential, nn.Sequential]:
    """The layers up to conv5's ReLU, and those behind it."""
    names = [name for name, _ in model.net.named_children()]
    split = names.index("pool5")
    return model.net[:split], model.net[split:]


def heatmaps(head: nn.Module, maps: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """What feature maps lead to, and how much each of their places speaks for a class.

    The maps are summed, each weighted by the mean gradient of the class's logit with respect to
    it, and what speaks against the class is left out: Selvaraju et al., "Grad-CAM" (2017).

    Args:
        head: the layers behind the maps, in evaluation mode.
        maps: conv5's behind its ReLU, (N, C, h, w), of no graph.
        classes: int64 (N,), one class for each picture; without them the likeliest ones.

    Returns:
        Logits (N, 10), and float32 (N, h, w) in [0, 1], 12×12 for the article's network: the
        greatest value of each picture is 1, or all are 0 where nothing speaks for the class.
    """
    maps = maps.detach().requires_grad_()
    with torch.enable_grad():
        logits = head(maps)
        chosen = logits.argmax(1) if classes is None else classes
        (slope,) = torch.autograd.grad(logits.gather(1, chosen[:, None]).sum(), maps)
    heat = (slope.mean((2, 3), keepdim=True) * maps.detach()).sum(1).relu().float()
    return logits.detach(), heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-12)
