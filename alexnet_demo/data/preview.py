"""What a recipe trains on, to look at: a few garments as its settings change them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from alexnet_demo.data.augment import augment, order_by_drawability
from alexnet_demo.data.splits import Split
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig

Way = Literal["drawings", "photos", "plain"]


@dataclass(frozen=True)
class Group:
    """Pictures that were changed in the same way.

    Attributes:
        way: line ``drawings``, ``photos`` as of a phone, or ``plain`` pictures of the data set.
        images: uint8 (N, side, side), 0 background to 255: what training feeds, not yet enlarged.
        labels: int64 (N,).
    """

    way: Way
    images: Tensor
    labels: Tensor


def samples_per_class(split: Split, each: int, turn: int = 0) -> Split:
    """``each`` pictures of every class, the classes in turn: rows of ten hold one of each.

    Args:
        split: a part of the data set that holds every class.
        each: pictures of a class.
        turn: 0 for the first ones, 1 for those behind, and so on; begins anew after the last.
    """
    columns = []
    for label in range(len(CLASSES)):
        numbers = (split.labels == label).nonzero().flatten()
        columns.append(numbers[torch.arange(turn * each, (turn + 1) * each) % len(numbers)])
    order = torch.stack(columns, dim=1).flatten()
    return Split(split.images[order], split.labels[order])


def preview_groups(garments: Split, config: TrainConfig, seed: int) -> list[Group]:
    """The pictures exactly as a batch of them goes into training, in groups that are not empty."""
    generator = torch.Generator().manual_seed(seed)
    order = order_by_drawability(garments.labels, config.drawings, generator)
    garments = Split(garments.images[order], garments.labels[order])
    shown = augment(garments.images, garments.labels, config, generator)
    ways: list[Way] = ["drawings"] * bool(round(config.drawings * len(garments)))
    ways += ["photos"] * bool(round(config.photos * len(garments)))
    ways += ["plain"] * (len(shown) - len(ways))
    parts = garments.labels.split([len(images) for images in shown])
    return [Group(*found) for found in zip(ways, shown, parts, strict=True)]
