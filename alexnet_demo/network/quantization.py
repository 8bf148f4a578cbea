"""Weights in 8 bits: files a quarter of the size, for models that ship with the app.

Each weight tensor becomes int8 in −127…127 and a float32 scale per output channel, so that
``weight ≈ int8 × scale``; symmetric, each channel's largest weight at ±127 (Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
2018). The 10,570 biases stay float32. The network still computes in floats.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCHEME = "int8 per output channel"
SCALE = ".scale"
STEPS = 127


def quantize(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A network's tensors with int8 in place of each weight, and its ``<name>.scale``.

    Args:
        weights: by name; those with two or more dimensions, output channels first, are quantized.

    Returns:
        int8 of the same shape and float32 (channels,) for these; the others in float32.
    """
    small: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        plain = tensor.detach().float()
        if plain.ndim < 2:
            small[name] = plain
            continue
        rows = plain.flatten(1)
        scale = rows.abs().amax(1) / STEPS
        scale[scale == 0] = 1.0  # a channel of zeros
        small[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(plain)
        small[name + SCALE] = scale
    return small


def dequantize(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The float32 tensors from `quantize`'s; tensors without a scale are passed through.

    Raises:
        ValueError: when a scale does not fit its weight, or is not finite.
    """
    plain = {name: t for name, t in tensors.items() if name + SCALE not in tensors}
    for scale_name in [name for name in plain if name.endswith(SCALE)]:
        name, scale = scale_name.removesuffix(SCALE), plain.pop(scale_name).float()
        small = tensors.get(name)
        if small is None or small.dtype != torch.int8 or small.ndim < 2:
            raise ValueError(f"{name} is not stored as int8")
        if scale.shape != small.shape[:1]:
            raise ValueError(f"the scale of {name} is not one number for each output channel")
        if not torch.isfinite(scale * STEPS).all():  # then all weights are finite, too
            raise ValueError(f"the scale of {name} holds NaN or infinite values")
        plain[name] = small.flatten(1).float().mul_(scale[:, None]).view_as(small)
    return plain
