"""A few garments as a run's data augmentation changes them, for display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from alexnet_demo.data.augment import augment, order_by_drawability
from alexnet_demo.data.banks import load_banks
from alexnet_demo.data.splits import Split
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig

Style = Literal["drawings", "photos", "plain", "generated", "others"]
SMALL_BANK = 6  # images of each class and kind, made within a second or two


@dataclass(frozen=True)
class Group:
    """Images that were augmented in the same way.

    Attributes:
        style: line ``drawings``, ``photos``, or ``plain`` dataset images, or what is added to the
            batch: ``generated`` clothing or ``others``, things that are none.
        images: uint8 (N, side, side), 0 background to 255, before they are resized to 224×224.
        labels: int64 (N,); they have no meaning for other things.
    """

    style: Style
    images: Tensor
    labels: Tensor


def samples_per_class(split: Split, count: int, page: int = 0) -> Split:
    """``count`` images of every class, in rows of ten with one of each.

    Args:
        split: has images of every class.
        count: images per class.
        page: 0 for the first images, 1 for the next ones; starts over after the last.
    """
    columns = []
    for label in range(len(CLASSES)):
        indices = (split.labels == label).nonzero().flatten()
        columns.append(indices[torch.arange(page * count, (page + 1) * count) % len(indices)])
    return split[torch.stack(columns, dim=1).flatten()]


def preview_groups(samples: Split, config: TrainConfig, seed: int) -> list[Group]:
    """The images exactly as a batch of them is trained on, in groups that are not empty.

    What is added to the batch comes from smaller banks than a run's.
    """
    generator = torch.Generator().manual_seed(seed)
    samples = samples[order_by_drawability(samples.labels, config.drawings, generator)]
    images = augment(samples.images, samples.labels, config, generator)
    styles: list[Style] = ["drawings"] * bool(round(config.drawings * len(samples)))
    styles += ["photos"] * bool(round(config.photos * len(samples)))
    styles += ["plain"] * (len(images) - len(styles))
    labels = samples.labels.split([len(group) for group in images])
    groups = [Group(*group) for group in zip(styles, images, labels, strict=True)]
    if config.generated or config.others:
        banks = load_banks(torch.device("cpu"), SMALL_BANK)
        more = banks.pick(config, len(samples), generator)
        groups += [Group("generated", bank.images, bank.labels) for bank in more.clothing]
        groups += [Group("others", bank.images, bank.labels) for bank in more.others]
    return groups
