"""Widening a trained network without losing what it has learned.

A narrow AlexNet is much cheaper to train: at a quarter of the width, about ten times. So a run may
begin narrow and grow, after Chen, Goodfellow and Shlens, "Net2Net: Accelerating Learning via
Knowledge Transfer" (2016): every unit is copied, and its outgoing weights are divided among the
copies.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from alexnet_demo.network.alexnet import AlexNet

SPREAD = 0.5
"""Distance of a copy's incoming weights from the original's, relative to their norm.

Two copies then begin with a cosine of 0.6, which leaves room for what they learn in common.
"""
CONV1_SPREAD = 0.45
"""Likewise for conv1, whose noise is smooth: neighboring pixels add up instead of averaging out."""
SMOOTH_KERNEL, SMOOTH_SIGMA = 7, 1.2  # pixels: what makes noise for conv1 smooth


@torch.no_grad()
def widen(model: AlexNet, factor: int, generator: torch.Generator) -> AlexNet:
    """Nearly the same function in a network ``factor`` times as wide, on the model's device.

    Exact copies would stay copies: their gradients are too much alike, and the learning rate is low
    by then. So each gets incoming weights of its own: the original's and noise. The noise sums to
    zero over the copies of a unit: where all of them are active, their joint output is the
    original's. It also sums to zero over a unit's inputs: these are never negative, so that noise
    with a mean would shift all of the unit's outputs.

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
    """Divide a weight's inputs among their copies; copy its outputs, or a bias's or statistic's."""
    layer = name.split(".")[1]
    if weight.ndim > 1 and layer != "conv1":  # the image's channels are not copied
        weight = torch.cat([weight / factor] * factor, dim=1)
    if layer == "fc8":  # nor are the classes
        return weight
    copies = weight.expand(factor, *weight.shape)
    if weight.ndim > 1:
        inputs = tuple(range(1, weight.ndim))
        noise = torch.randn(copies.shape, generator=generator).to(weight)
        if layer == "conv1":  # neighboring pixels are alike: fine noise would stay in its filters
            noise = smooth(noise)
        noise -= noise.mean([axis + 1 for axis in inputs], keepdim=True)
        noise -= noise.mean(0)
        noise /= noise.square().mean([0, *(axis + 1 for axis in inputs)], keepdim=True).sqrt()
        spread = CONV1_SPREAD if layer == "conv1" else SPREAD
        copies = copies + spread * weight.square().mean(inputs, keepdim=True).sqrt() * noise
    return copies.flatten(0, 1)


def smooth(filters: Tensor) -> Tensor:
    """Random filters (…, H, W) for conv1 without fine detail, which images hardly have."""
    return gaussian_blur(filters, [SMOOTH_KERNEL] * 2, [SMOOTH_SIGMA] * 2)
