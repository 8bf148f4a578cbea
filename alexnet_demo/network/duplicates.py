"""Merging the copies among a network's units, so that their place is free for new ones.

A network widened by copying units (`net2net`) may keep the copies, see `distinct_units`. Of such a
group one unit can do the work of all: it takes over the outgoing weights of the others.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.distinct_units import COPY_COSINE
from alexnet_demo.network.net2net import smooth


@torch.no_grad()
def halve(model: AlexNet) -> AlexNet:
    """The inverse of `net2net.widen` by 2: unit i and unit i + n/2 of each layer become one.

    Their incoming weights are averaged, their outgoing ones added. Where both were copies, the
    function stays the same.
    """
    half = AlexNet(**{**model.settings, "width": model.width / 2})
    state = half.state_dict()
    for name, weight in model.state_dict().items():
        layer = name.split(".")[1]
        if layer != "fc8":
            weight = torch.stack(weight.chunk(2)).mean(0)
        if weight.ndim > 1 and layer != "conv1":
            weight = torch.stack(weight.chunk(2, dim=1)).sum(0)
        state[name].copy_(weight)
    return half.train(model.training)


@torch.no_grad()
def renew_duplicates(model: AlexNet, generator: torch.Generator) -> dict[str, int]:
    """Merge copies in place, and give the units that this frees random incoming weights.

    The new units have no outgoing weights yet, so that the function stays nearly the same; training
    gives them some. They get the mean length and bias of the layer's other units, and sum to zero
    over the inputs, which are never negative.

    Args:
        model: without batch normalization, on the CPU.
        generator: on the CPU.

    Returns:
        How many units were renewed, by layer, from conv1 to fc7.
    """
    layers = {n: m for n, m in model.net.named_children() if isinstance(m, nn.Conv2d | nn.Linear)}
    renewed = {}
    for (name, layer), following in zip(layers.items(), list(layers.values())[1:], strict=False):
        copies = _merge(layer.weight, following.weight)
        new = torch.randn(layer.weight[copies].shape, generator=generator)
        new = smooth(new) if name == "conv1" else new
        inputs = tuple(range(1, new.ndim))
        new -= new.mean(inputs, keepdim=True)
        length = layer.weight[~copies].flatten(1).norm(dim=1).mean()
        layer.weight[copies] = length * normalize(new.flatten(1)).view_as(new)
        if layer.bias is not None:
            layer.bias[copies] = layer.bias[~copies].mean()
        renewed[name] = int(copies.sum())
    return renewed


def _merge(weight: Tensor, following: Tensor) -> Tensor:
    """Move the outgoing weights of copies to the first unit of their group.

    Args:
        weight: incoming weights (units, …).
        following: the next layer's weights, (outputs, inputs, …), changed in place.

    Returns:
        Which units are copies, bool (units,).
    """
    lengths = weight.flatten(1).norm(dim=1)
    units = normalize(weight.flatten(1))
    alike = (units @ units.T >= COPY_COSINE).tril(-1)
    copies, first = alike.any(1), alike.float().argmax(1)
    outgoing = following.view(len(following), len(weight), -1)  # fc6 has 25 inputs a channel
    # The last first: the first one of a copy may itself be a copy.
    for unit in reversed(copies.nonzero().flatten().tolist()):
        original = int(first[unit])
        outgoing[:, original] += outgoing[:, unit] * (lengths[unit] / lengths[original])
        outgoing[:, unit] = 0
    return copies
