"""What goes on inside a network for one picture: each layer's output, and how a unit comes about.

Nothing here hooks into a forward pass: the layers are called one after the other, and a unit's sum
is formed again from the products that make it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input

HISTOGRAM_BINS = 80


@torch.no_grad()
def activations(model: AlexNet, pixels: np.ndarray) -> dict[str, Tensor]:
    """Every layer's output for one picture.

    Args:
        model: in evaluation mode.
        pixels: uint8 (side, side), 0 background to 255.

    Returns:
        ``input`` and each layer by name, in the network's order: float32 (channels, height, width)
        or (units,), on the CPU. ``fc8`` gives the logits.
    """
    place = next(model.parameters())
    x = to_input(torch.from_numpy(np.array(pixels, np.uint8))[None].to(place.device))
    x = x.to(place.dtype)
    found = {"input": x[0].float().cpu()}
    for name, layer in model.net.named_children():
        # A ReLU may work in place: what was seen before it must not change.
        x = layer(x.clone())
        found[name] = x[0].float().cpu()
    return found


def strongest(output: Tensor) -> Tensor:
    """The channels of (channels, height, width), or the units of (units,), strongest first.

    A channel is as strong as the mean of what is above 0 in it. Returns int64 numbers.
    """
    strength = output.clamp(min=0).flatten(1).mean(1) if output.ndim == 3 else output
    return strength.argsort(descending=True, stable=True)


@dataclass(frozen=True)
class ConvUnit:
    """How one unit of a convolution comes about.

    Attributes:
        patch: float32 (inputs, k, k), what it sees of the layer's input, zeros beyond the edge.
        kernel: float32 (inputs, k, k), its weights.
        bias: its bias.
        total: the sum of all products, and the bias.
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
        """What each input channel adds to the sum, float32 (inputs,)."""
        return self.products.sum((1, 2))


def conv_unit(layer: nn.Conv2d, seen: Tensor, channel: int, row: int, column: int) -> ConvUnit:
    """The unit of a convolution at a place of a channel.

    Args:
        layer: ungrouped and undilated, as all of this network's are.
        seen: the layer's input, float32 (inputs, height, width).
    """
    (size, _), (stride, _) = layer.kernel_size, layer.stride
    edge = layer.padding[0]
    assert isinstance(edge, int)
    top, left = row * stride, column * stride
    patch = pad(seen, [edge] * 4)[:, top : top + size, left : left + size]
    kernel = layer.weight.detach()[channel].float().cpu()
    bias = float(layer.bias.detach()[channel]) if layer.bias is not None else 0.0
    total = float((patch.double() * kernel.double()).sum()) + bias
    return ConvUnit(patch, kernel, bias, total)


def pool_window(layer: nn.MaxPool2d, seen: Tensor, channel: int, row: int, column: int) -> Tensor:
    """The values of a channel, float32 (k, k), of which a max-pool keeps the greatest."""
    size, stride = int(layer.kernel_size), int(layer.stride)  # type: ignore[arg-type]
    top, left = row * stride, column * stride
    return seen[channel, top : top + size, left : left + size]


@dataclass(frozen=True)
class TensorStats:
    """How values are spread.

    Attributes:
        counts: values in each of the bins of equal width, `edges` between them.
        zeros: the share that is exactly 0.
    """

    mean: float
    std: float
    minimum: float
    maximum: float
    zeros: float
    counts: np.ndarray
    edges: np.ndarray


def tensor_stats(values: Tensor) -> TensorStats:
    """Mean, standard deviation, range and histogram of all values of a tensor."""
    flat = values.detach().flatten().float().cpu()
    low, high = (float(v) for v in torch.aminmax(flat))
    top = high + (high == low)
    counts = torch.histc(flat, HISTOGRAM_BINS, low, top)  # uses all cores, unlike torch.histogram
    return TensorStats(
        float(flat.mean()),
        float(flat.std(correction=0)),
        low,
        high,
        1 - int(flat.count_nonzero()) / flat.numel(),
        counts.numpy().astype(np.int64),
        np.linspace(low, top, HISTOGRAM_BINS + 1, dtype=np.float32),
    )
