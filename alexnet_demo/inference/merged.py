"""What merging the copies among a network's units costs: predictions of the merged network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from alexnet_demo.inference.batcher import LOW_PRIORITY_BATCH
from alexnet_demo.network.alexnet import count_parameters
from alexnet_demo.network.input import to_input_like


@dataclass(frozen=True)
class Merged:
    """Predictions of a merged network.

    Attributes:
        labels: the most probable class of each image, int64 (N,).
        parameters: how many the network has left.
    """

    labels: np.ndarray
    parameters: int


def predict(
    net: nn.Sequential,
    images: Tensor,
    progress: Callable[[int], object] = lambda done: None,
    run: Callable[[Callable[[], Tensor]], Tensor] = lambda step: step(),
) -> Merged:
    """Classify images by what `duplicates.merge_copies` returned.

    Args:
        images: uint8 (N, side, side), 0 background to 255, on the CPU; N at least 1.
        progress: called with the number of images processed so far.
        run: calls a step, of which there is one for a few images, and returns its result.
    """
    labels: list[int] = []
    for batch in images.split(LOW_PRIORITY_BATCH):
        labels += run(partial(_classify, net, batch)).tolist()
        progress(len(labels))
    return Merged(np.array(labels), count_parameters(net))


@torch.no_grad()
def _classify(net: nn.Sequential, images: Tensor) -> Tensor:
    logits: Tensor = net(to_input_like(net, images.numpy()))
    return logits.argmax(1).cpu()
