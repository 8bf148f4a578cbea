"""Widening a trained network without changing its function.

A narrow AlexNet is much cheaper to train: at a quarter of the width, about ten times. So a run may
begin narrow and grow, after Chen, Goodfellow and Shlens, "Net2Net: Accelerating Learning via
Knowledge Transfer" (2016): every unit is copied, and its outgoing weights are divided among the
copies.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet_demo.network.alexnet import AlexNet

NOISE = 0.5
"""Standard deviation of the noise that breaks the copies' symmetry, relative to the weights'."""


@torch.no_grad()
def widen(model: AlexNet, factor: int, generator: torch.Generator) -> AlexNet:
    """The same function in a network ``factor`` times as wide, on the model's device.

    Copies with equal weights would get equal gradients and stay copies. So noise is added to their
    outgoing weights, with a sum of zero over the copies of a unit: it cancels in the logits (up to
    rounding, and apart from dropout), but not in the gradients.

    Args:
        factor: a whole number above 1.
        generator: on the CPU, for the noise.

    Raises:
        ValueError: when some layer of the wider network is not ``factor`` times as wide.
    """
    with torch.device("meta"):
        wide = AlexNet(**{**model.settings, "width": model.width * factor})
    wide.to_empty(device=next(model.parameters()).device)
    target = wide.state_dict()
    for name, old in model.state_dict().items():
        values = _widen(name, old, factor, generator) if old.ndim else old
        if values.shape != target[name].shape:
            raise ValueError(f"{name} has no whole multiple at width {wide.width:g}.")
        target[name].copy_(values)
    return wide.train(model.training)


def _widen(name: str, weight: Tensor, factor: int, generator: torch.Generator) -> Tensor:
    """Copy a weight's, bias's, or statistic's outputs; divide its inputs among their copies."""
    layer = name.split(".")[1]
    if weight.ndim > 1 and layer != "conv1":  # the image's channels are not copied
        noise = torch.randn(factor, *weight.shape, generator=generator).to(weight)
        noise -= noise.mean(0)
        share = weight / factor
        weight = torch.cat(list(share + NOISE * share.std() * noise), dim=1)
    if layer != "fc8":  # nor are the classes
        weight = torch.cat([weight] * factor)
    return weight
