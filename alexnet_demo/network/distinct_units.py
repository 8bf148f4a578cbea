"""How much of its width a network uses: the share of its units that are not copies of another.

A network widened by copying units may keep the copies. It is then a narrower one in disguise:
units with the same incoming weights can be merged without changing the outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from alexnet_demo.network.alexnet import AlexNet

COPY_COSINE = 0.9
"""Cosine between the weights of two units from which on they count as copies; at most 1."""


BLOCK = 512
"""Units compared at a time: at most 13 billion MACs, about as many as 14 images cost."""

Closest = tuple[Tensor, Tensor]
"""For each unit of a layer, float32 and int64 (units,): the cosine between its incoming weights and
those of the closest earlier unit, and which that is. The first is 0 where none is at less than a
right angle."""
Run = Callable[[Callable[[], Closest]], Closest]


def _at_once(step: Callable[[], Closest]) -> Closest:
    return step()


def distinct_units(model: AlexNet) -> dict[str, float]:
    """The share of distinct units, 0 to 1, in each layer from conv1 to fc7.

    A unit is distinct if no earlier one of its layer has nearly the same incoming weights, so that
    of several copies one counts: a layer doubled by copying has 0.5. Costs half the square of a
    layer's units times their inputs: 100 billion MACs at the article's width.
    """
    shares = {
        name: (closest_earlier(layer.weight)[0] < COPY_COSINE).float().mean()
        for name, layer in hidden_layers(model).items()
    }
    return dict(zip(shares, torch.stack([*shares.values()]).tolist(), strict=True))


def hidden_layers(model: AlexNet) -> dict[str, nn.Conv2d | nn.Linear]:
    """The layers with weights, from conv1 to fc7; fc8's units are the classes."""
    layers = {n: m for n, m in model.net.named_children() if isinstance(m, nn.Conv2d | nn.Linear)}
    layers.popitem()
    return layers


def closest_earlier(weight: Tensor, run: Run = _at_once) -> Closest:
    """The earlier unit that is most like each unit of a layer.

    Compared are a convolution's filters and a fully connected layer's rows, without the biases,
    which only move the threshold from which on a unit responds to its pattern.

    Args:
        weight: (units, ...), a layer's incoming weights.
        run: calls a step, of which there is one for each `BLOCK` of units, and returns its result.
    """
    units = normalize(weight.detach().float().flatten(1))
    blocks = [run(partial(_closest_earlier, units, at)) for at in range(0, len(units), BLOCK)]
    cosines, earlier = zip(*blocks, strict=True)
    return torch.cat(cosines), torch.cat(earlier)


def _closest_earlier(weights: Tensor, start: int) -> Closest:
    """`Closest` for the units from ``start`` on, at most `BLOCK`.

    Args:
        weights: (units, inputs), of length 1.
    """
    block = weights[start : start + BLOCK]
    earlier = weights[: start + len(block)]
    cosines, units = (block @ earlier.T).tril(start - 1).max(1)
    return cosines, units
