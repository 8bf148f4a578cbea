"""The images that activate each channel of the convolutions most, and where in the image.

After Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014). A pass keeps
only the strongest images so far, so that its memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d

from alexnet_demo.inference import cache
from alexnet_demo.inference.batcher import LOW_PRIORITY_BATCH
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input

PART = "tops"
"""The part of the cache with the fields of `ChannelTops` for each layer."""
TOP = 9  # images of a channel
NONE = -1  # in place of an image's number
_LARGEST = float(np.finfo(np.float16).max)

Maxima = dict[str, tuple[Tensor, Tensor]]
Run = Callable[[Callable[[], Maxima]], Maxima]


@dataclass(frozen=True)
class ChannelTops:
    """A layer's strongest activations: for each channel those of `TOP` images, strongest first.

    An image counts with its strongest position, after the activation function.

    Attributes:
        images: their numbers, int16 (channels, `TOP`); `NONE` where fewer images activate the
            channel above 0.
        positions: row and column in the feature map, uint8 (channels, `TOP`, 2).
        activations: float16 (channels, `TOP`).
        searched: the number of images among which these are the strongest.
    """

    images: np.ndarray
    positions: np.ndarray
    activations: np.ndarray
    searched: int

    @property
    def dead(self) -> np.ndarray:
        """Channels that no image activates above 0."""
        return np.flatnonzero(self.images[:, 0] == NONE)

    def by_strength(self) -> np.ndarray:
        """The other channels, the one with the strongest activation first."""
        order = np.argsort(-self.activations[:, 0].astype(np.float32), kind="stable")
        return order[~np.isin(order, self.dead)]


def search(
    model: AlexNet,
    images: Tensor,
    progress: Callable[[int], object] = lambda done: None,
    run: Run = lambda step: step(),
) -> dict[str, ChannelTops]:
    """The images that activate each channel most, for each convolution by name.

    Args:
        model: in evaluation mode.
        images: uint8 (N, side, side), 0 background to 255, on the CPU; N from 1 to 32,767.
        progress: called with the number of images processed so far.
        run: calls a step, of which there is one for a few images, and returns its result.
    """
    best: Maxima = {}
    done = 0
    for batch in images.split(LOW_PRIORITY_BATCH):
        found = run(partial(maxima, model, batch))
        for name, (values, places) in found.items():
            places = places + (torch.arange(done, done + len(batch)) << 16)
            if name in best:
                values = torch.cat([best[name][0], values], 1)
                places = torch.cat([best[name][1], places], 1)
            values, order = values.topk(min(TOP, values.shape[1]))
            best[name] = values, places.gather(1, order)
        done += len(batch)
        progress(done)
    return {name: _record(*found, done) for name, found in best.items()}


@torch.no_grad()
def maxima(model: AlexNet, images: Tensor) -> Maxima:
    """Each channel's strongest activation in each image, for each convolution by name.

    Returns:
        Values, float32 (channels, N), and places, int64 (channels, N): 256 · row + column.
    """
    weight, found, conv = next(model.parameters()), {}, ""
    x = to_input(images.to(weight.device)).to(weight.dtype)
    for name, layer in model.net.named_children():
        if isinstance(layer, nn.Flatten):
            break
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            conv = name
        elif conv and not isinstance(layer, nn.BatchNorm2d):
            # Three times as fast as max over the flattened positions where channels come last.
            values, positions = adaptive_max_pool2d(x, 1, return_indices=True)
            rows, columns = positions // x.shape[-1], positions % x.shape[-1]
            places = rows << 8 | columns
            found[conv] = values.flatten(1).T.float().cpu(), places.flatten(1).T.cpu()
            conv = ""
    return found


def _record(values: Tensor, places: Tensor, searched: int) -> ChannelTops:
    """A layer's record from the strongest values and their places, 65,536 · image + place."""
    missing = (0, TOP - values.shape[1])  # columns, with fewer images than that
    values = nn.functional.pad(values.clamp(max=_LARGEST), missing)
    places = nn.functional.pad(places, missing)
    images = torch.where(values > 0, places >> 16, NONE)
    positions = torch.stack([places >> 8 & 255, places & 255], -1)
    return ChannelTops(
        images.numpy().astype(np.int16),
        positions.numpy().astype(np.uint8),
        values.numpy().astype(np.float16),
        searched,
    )


# ------------------------------------------------------------------ cached on disk


def arrays(tops: dict[str, ChannelTops]) -> dict[str, np.ndarray]:
    """The records as arrays to cache, which `load` reads."""
    return {
        f"{name}.{key}": np.asarray(value)
        for name, record in tops.items()
        for key, value in asdict(record).items()
    }


def save(digest: str, tops: dict[str, ChannelTops]) -> None:
    """Cache what `search` returned; without the cache it is computed again after a restart."""
    with suppress(OSError):
        cache.save(digest, arrays(tops), PART)


def load(digest: str) -> dict[str, ChannelTops] | None:
    """What `search` returned for a weights file; None when missing or damaged."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, array in cache.load(digest, PART).items():
        layer, _, key = name.partition(".")
        layers.setdefault(layer, {})[key] = array
    try:
        return {
            layer: ChannelTops(**{**fields, "searched": fields["searched"].item()})
            for layer, fields in layers.items()
        } or None
    except (KeyError, TypeError, ValueError):  # other arrays
        return None
