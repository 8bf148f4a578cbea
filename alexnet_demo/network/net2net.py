"""A trained network made wider without changing what it computes.

A narrow AlexNet costs a fraction of the work: a quarter of the width trains ten times faster. So
a training may begin narrow and widen on the way, after Chen, Goodfellow and Shlens, "Net2Net:
Accelerating Learning via Knowledge Transfer" (2016): every unit is copied, and what the next layer
takes from it is divided among its copies.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet_demo.network.alexnet import AlexNet

NOISE = 0.5
"""Spread of the noise that tells copies apart, in units of the spread of the weights."""


@torch.no_grad()
def widen(model: AlexNet, factor: int, generator: torch.Generator) -> AlexNet:
    """The same function in a network ``factor`` times as wide, on the model's device.

    Copies with equal weights would get equal gradients and stay copies for ever. So noise is added
    to what the next layer takes from them, with a sum of zero over the copies of a unit: it cancels
    in the logits (up to rounding, and apart from dropout), and not in the gradients.

    Args:
        model: at a width whose ``factor``-fold has ``factor`` times the units in every layer.
        factor: a whole number above 1.
        generator: on the CPU, for the noise.

    Raises:
        ValueError: when the layers would not come out at whole multiples.
    """
    settings = {**model.settings, "width": model.width * factor}
    with torch.device("meta"):
        wide = AlexNet(**settings)
    wide.to_empty(device=next(model.parameters()).device)
    target = wide.state_dict()
    for name, old in model.state_dict().items():
        values = _widen(name, old, factor, generator) if old.ndim else old
        if values.shape != target[name].shape:
            raise ValueError(f"{name} has no whole multiple at width {wide.width:g}.")
        target[name].copy_(values)
    return wide.train(model.training)


def _widen(name: str, weight: Tensor, factor: int, generator: torch.Generator) -> Tensor:
    """A weight, bias or statistic with copies of its outputs, and shares of its inputs' copies."""
    layer = name.split(".")[1]
    if weight.ndim > 1 and layer != "conv1":  # the picture's channels are not copied
        noise = torch.randn(factor, *weight.shape, generator=generator).to(weight)
        noise -= noise.mean(0)
        share = weight / factor
        weight = torch.cat(list(share + NOISE * share.std() * noise), dim=1)
    if layer != "fc8":  # nor are the classes
        weight = torch.cat([weight] * factor)
    return weight
