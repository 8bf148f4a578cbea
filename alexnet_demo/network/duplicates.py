"""Merging the copies among a network's units: a smaller network, or room for new units.

A network widened by copying units (`net2net`) may keep the copies, see `distinct_units`. Of such a
group one unit can do the work of all: it takes over the outgoing weights of the others.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.distinct_units import (
    COPY_COSINE,
    Closest,
    closest_earlier,
    hidden_layers,
)
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
def merge_copies(model: AlexNet, closest: Mapping[str, Closest], threshold: float) -> nn.Sequential:
    """The network's layers without the units that are copies of others; the model stays as it is.

    Each copy adds its outgoing weights to those of the closest earlier unit, scaled by the ratio of
    their incoming weights' lengths, which the cosine ignores. Where all of them are true copies,
    and their biases have that ratio too, the function stays the same.

    Args:
        model: without batch normalization, with ReLUs.
        closest: of each layer from conv1 to fc7, see `distinct_units.closest_earlier`.
        threshold: the cosine from which on a unit counts as a copy, above 0.

    Returns:
        The layers from conv1 to fc8, on the model's device and in its mode.
    """
    net = copy.deepcopy(model.net)
    layers = [layer for layer in net if isinstance(layer, nn.Conv2d | nn.Linear)]
    for (cosines, earlier), layer, following in zip(
        closest.values(), layers, layers[1:], strict=False
    ):
        copies = cosines >= threshold
        _merge(layer.weight, following.weight, copies, earlier)
        layer.weight = nn.Parameter(layer.weight[~copies])
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias[~copies])
        units, _, *window = following.weight.shape
        outgoing = following.weight.view(units, len(copies), -1)[:, ~copies]
        following.weight = nn.Parameter(outgoing.reshape(units, -1, *window))
    return net


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
    layers = [m for m in model.net if isinstance(m, nn.Conv2d | nn.Linear)]
    renewed = {}
    for (name, layer), following in zip(hidden_layers(model).items(), layers[1:], strict=True):
        cosines, earlier = closest_earlier(layer.weight)
        copies = cosines >= COPY_COSINE
        _merge(layer.weight, following.weight, copies, earlier)
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


def _merge(weight: Tensor, following: Tensor, copies: Tensor, earlier: Tensor) -> None:
    """Move the outgoing weights of copies to the earlier unit that is most like them.

    Args:
        weight: incoming weights (units, …).
        following: the next layer's weights, (outputs, inputs, …), changed in place.
        copies: bool (units,).
        earlier: int64 (units,), see `distinct_units.Closest`.
    """
    lengths = weight.flatten(1).norm(dim=1)
    outgoing = following.view(len(following), len(weight), -1)  # fc6 has 25 inputs a channel
    # The last first: the closest one of a copy may itself be a copy.
    for unit in reversed(copies.nonzero().flatten().tolist()):
        original = int(earlier[unit])
        outgoing[:, original] += outgoing[:, unit] * (lengths[unit] / lengths[original])
        outgoing[:, unit] = 0
