"""Weights in 8 bits: a quarter of the size, for a network that ships.

Each weight tensor becomes int8 in −127…127 and a float32 scale for each output channel, so that
``weight ≈ int8 × scale``; symmetric, the greatest weight of a channel at ±127 (Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
2018). Biases stay float32: there are 10,570 of them. The network computes in floats all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCHEME = "int8 per output channel"
SCALE = ".scale"
STEPS = 127


def quantize(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors with int8 in the place of each weight, and ``<name>.scale`` beside it.

    Args:
        weights: by name; those with two or more dimensions, output channels first, are quantised.

    Returns:
        int8 of the same shape and float32 (channels,) for these; the others as they are, float32.
    """
    small: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        plain = tensor.detach().float()
        if plain.ndim < 2:
            small[name] = plain
            continue
        scale = plain.flatten(1).abs().amax(1) / STEPS
        scale[scale == 0] = 1.0  # a channel of zeros
        small[name] = (plain / _along(scale, plain)).round().to(torch.int8)
        small[name + SCALE] = scale
    return small


def dequantize(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The float32 tensors of what `quantize` gave; tensors without a scale are passed through.

    Raises:
        ValueError: when scale and weight do not belong together, or a scale is not finite.
    """
    plain = {name: t for name, t in tensors.items() if name + SCALE not in tensors}
    for name in [name for name in plain if name.endswith(SCALE)]:
        whole, scale = name.removesuffix(SCALE), plain.pop(name)
        plain[whole] = _dequantized(whole, tensors.get(whole), scale)
    return plain


def _dequantized(name: str, small: Tensor | None, scale: Tensor) -> Tensor:
    if small is None or small.dtype != torch.int8 or small.ndim < 2:
        raise ValueError(f"{name} is not stored as int8")
    if scale.shape != small.shape[:1]:
        raise ValueError(f"the scale of {name} is not one number for each output channel")
    scale = scale.float()
    if not torch.isfinite(scale * STEPS).all():  # so no weight can be anything else
        raise ValueError(f"the scale of {name} holds NaN or infinite values")
    return small.to(torch.float32).mul_(_along(scale, small))


def _along(scale: Tensor, weight: Tensor) -> Tensor:
    """(channels,) shaped to multiply a weight (channels, …)."""
    return scale.view(-1, *[1] * (weight.ndim - 1))
