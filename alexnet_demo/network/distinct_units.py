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

Run = Callable[[Callable[[], Tensor]], Tensor]


def _at_once(step: Callable[[], Tensor]) -> Tensor:
    return step()


def distinct_units(model: AlexNet, run: Run = _at_once) -> dict[str, float]:
    """The share of distinct units, 0 to 1, in each layer from conv1 to fc7.

    A unit is distinct if no earlier one of its layer has nearly the same incoming weights, so that
    of several copies one counts: a layer doubled by copying has 0.5. Compared are a convolution's
    filters and a fully connected layer's rows, without the biases, which only move the threshold
    from which on a unit responds to its pattern. fc8's units are the classes.

    Costs half the square of a layer's units times their inputs: 100 billion MACs at the article's
    width.

    Args:
        run: calls a step, of which there is one for each `BLOCK` of units, and returns its result.
    """
    layers = [(n, m) for n, m in model.net.named_children() if isinstance(m, nn.Conv2d | nn.Linear)]
    shares = []
    for _, layer in layers[:-1]:
        weights = normalize(layer.weight.detach().float().flatten(1))
        starts = range(0, len(weights), BLOCK)
        closest = torch.cat([run(partial(_closest_earlier, weights, start)) for start in starts])
        shares.append((closest < COPY_COSINE).float().mean())
    return dict(zip((name for name, _ in layers), torch.stack(shares).tolist(), strict=False))


def _closest_earlier(weights: Tensor, start: int) -> Tensor:
    """The cosine between each unit from ``start`` on, at most `BLOCK`, and the closest earlier one.

    Args:
        weights: (units, inputs), of length 1.

    Returns:
        (at most `BLOCK`,); 0 where no earlier one is at less than a right angle.
    """
    block = weights[start : start + BLOCK]
    earlier = weights[: start + len(block)]
    return (block @ earlier.T).tril(start - 1).amax(1)
