"""A network's activations for one image, and the arithmetic behind a single unit.

Without forward hooks: the layers are called one by one, and a unit's sum is computed again from its
products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input_like

HISTOGRAM_BINS = 80


@torch.no_grad()
def activations(model: AlexNet, pixels: np.ndarray) -> dict[str, Tensor]:
    """Every layer's output for one image.

    Args:
        model: in evaluation mode.
        pixels: uint8 (side, side), 0 background to 255.

    Returns:
        ``input`` and each layer by name, in the network's order: float32 (channels, height, width)
        or (units,), on the CPU. ``fc8`` holds the logits.
    """
    x = to_input_like(model, pixels[None])
    outputs = {"input": x[0].float().cpu()}
    for name, layer in model.net.named_children():
        x = layer(x.clone())  # a ReLU may work in place and change the output before it
        outputs[name] = x[0].float().cpu()
    return outputs


def strongest(output: Tensor) -> Tensor:
    """Channels of (channels, height, width), or units of (units,), strongest first.

    A channel's strength is the mean of its positive part. Returns int64 indices.
    """
    strength = output.clamp(min=0).flatten(1).mean(1) if output.ndim == 3 else output
    return strength.argsort(descending=True, stable=True)


@dataclass(frozen=True)
class ConvUnit:
    """One unit of a convolution.

    Attributes:
        patch: float32 (inputs, k, k), its window of the layer's input, zeros beyond the edge.
        kernel: float32 (inputs, k, k), its weights.
        bias: its bias.
        total: the sum of all products and the bias.
    """

    patch: Tensor
    kernel: Tensor
    bias: float
    total: float

    @property
    def products(self) -> Tensor:
        """float32 (inputs, k, k)."""
        return self.patch * self.kernel

    @property
    def channel_sums(self) -> Tensor:
        """What each input channel adds to the total, float32 (inputs,)."""
        return self.products.sum((1, 2))


def conv_unit(layer: nn.Conv2d, inputs: Tensor, channel: int, row: int, column: int) -> ConvUnit:
    """The unit of a convolution at this output channel and position.

    Args:
        layer: without groups or dilation, as all of AlexNet's are here.
        inputs: the layer's input, float32 (inputs, height, width).
    """
    (size, _), (stride, _) = layer.kernel_size, layer.stride
    edge = layer.padding[0]
    assert isinstance(edge, int)
    top, left = row * stride, column * stride
    patch = pad(inputs, [edge] * 4)[:, top : top + size, left : left + size]
    kernel = layer.weight.detach()[channel].float().cpu()
    bias = float(layer.bias.detach()[channel]) if layer.bias is not None else 0.0
    total = float((patch.double() * kernel.double()).sum()) + bias
    return ConvUnit(patch, kernel, bias, total)


def pool_window(layer: nn.MaxPool2d, inputs: Tensor, channel: int, row: int, column: int) -> Tensor:
    """The values, float32 (k, k), of which a max-pool unit is the maximum."""
    size, stride = int(layer.kernel_size), int(layer.stride)  # type: ignore[arg-type]
    top, left = row * stride, column * stride
    return inputs[channel, top : top + size, left : left + size]


@dataclass(frozen=True)
class TensorStats:
    """The distribution of a tensor's values.

    Attributes:
        zeros: share of values that are exactly 0.
        counts: values in each histogram bin, int64 (HISTOGRAM_BINS,).
        edges: of the bins, float32 (HISTOGRAM_BINS + 1,), equally spaced.
    """

    mean: float
    std: float
    minimum: float
    maximum: float
    zeros: float
    counts: np.ndarray
    edges: np.ndarray


def tensor_stats(values: Tensor) -> TensorStats:
    """Mean, standard deviation, range, and histogram of all values of a tensor."""
    flat = values.detach().flatten().float().cpu()
    low, high = (float(v) for v in torch.aminmax(flat))
    top = high + (high == low)
    counts = torch.histc(flat, HISTOGRAM_BINS, low, top)  # uses all cores, unlike torch.histogram
    return TensorStats(
        mean=float(flat.mean()),
        std=float(flat.std(correction=0)),
        minimum=low,
        maximum=high,
        zeros=1 - int(flat.count_nonzero()) / flat.numel(),
        counts=counts.numpy().astype(np.int64),
        edges=np.linspace(low, top, HISTOGRAM_BINS + 1, dtype=np.float32),
    )
