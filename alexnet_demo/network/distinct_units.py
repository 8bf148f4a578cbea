"""How much of its width a network uses: the share of its units that are not copies of another.

A network widened by copying units may keep the copies. It is then a narrower one in disguise:
units with the same incoming weights can be merged without changing the outputs.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import normalize

from alexnet_demo.network.alexnet import AlexNet

COPY_COSINE = 0.9
"""Cosine between the weights of two units from which on they count as copies; at most 1."""


@torch.no_grad()
def distinct_units(model: AlexNet) -> dict[str, float]:
    """The share of distinct units, 0 to 1, in each layer from conv1 to fc7.

    A unit is distinct if no earlier one of its layer has nearly the same incoming weights, so that
    of several copies one counts: a layer doubled by copying has 0.5. Compared are a convolution's
    filters and a fully connected layer's rows, without the biases, which only move the threshold
    from which on a unit responds to its pattern. fc8's units are the classes.

    Costs the square of a layer's units times their inputs: 180 billion MACs at the article's width.
    """
    layers = [(n, m) for n, m in model.net.named_children() if isinstance(m, nn.Conv2d | nn.Linear)]
    shares = []
    for _, layer in layers[:-1]:
        weights = normalize(layer.weight.float().flatten(1))
        closest = (weights @ weights.T).tril(-1).amax(1)
        shares.append((closest < COPY_COSINE).float().mean())
    return dict(zip((name for name, _ in layers), torch.stack(shares).tolist(), strict=False))
