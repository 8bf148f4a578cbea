"""Random changes that leave a garment what it is, on whole batches, on the training's device."""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet_demo.data.batch_random import ANKLE_BOOT, SANDAL, SHIRT
from alexnet_demo.data.synthetic import as_drawings, as_photos
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig

SELDOM = {SHIRT: 0.7, ANKLE_BOOT: 0.4, SANDAL: 0.4}
"""Shares of a class that are not drawn."""
ERASE_SIDES = (4, 12)
"""Least and greatest side of an erased rectangle, in pixels of 28."""


def augment(
    images: Tensor, labels: Tensor, config: TrainConfig, generator: torch.Generator
) -> list[Tensor]:
    """The changes that a training's settings ask for.

    The first pictures of the batch become drawings, the next ones photos, as many as the settings
    say; a batch is in random order already. The rest is mirrored, moved and partly hidden.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,).
        generator: on the device of ``images``; the same state gives the same changes.

    Returns:
        uint8 pictures in the batch's order, in groups of one size each, for `to_input`.
    """
    drawn, seen = (round(share * len(images)) for share in (config.drawings, config.photos))
    groups = []
    if drawn:
        groups.append(as_drawings(images[:drawn], labels[:drawn], generator))
    if seen:
        behind = slice(drawn, drawn + seen)
        groups.append(as_photos(images[behind], labels[behind], generator))
    plain = images[drawn + seen :]
    if config.flip:
        plain = flip(plain, generator)
    if config.shift:
        plain = shift(plain, config.shift, generator)
    if config.erase:
        plain = erase(plain, config.erase, generator)
    return [*groups, plain] if len(plain) or not groups else groups


def order_by_drawability(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """An order (N,) of a batch by which `augment` draws classes about as often as people do.

    What people call a jacket or a shoe is drawn all the time, a shirt hardly ever, and outlines
    alone do not tell a shirt from a coat, or a boot or a closed sandal from a sneaker. So most
    shirts and some boots and sandals go to the end of the batch, where pictures stay as they are.
    The order stays where none or all are to be drawn, a ``share`` of 0 or 1.
    """
    if not 0 < share < 1:
        return torch.arange(len(labels), device=labels.device)
    shares = torch.tensor([SELDOM.get(label, 0.0) for label in range(len(CLASSES))])
    late = _uniform(len(labels), generator) < shares.to(labels.device)[labels]
    return late.long().argsort(stable=True)


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each picture left to right with a probability of one half."""
    chosen = _uniform(len(images), generator) < 0.5
    return torch.where(chosen[:, None, None], images.flip(-1), images)


def shift(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Move each picture by up to ``reach`` pixels each way; background comes in at the edge."""
    count, height, width = images.shape
    padded = torch.nn.functional.pad(images, [reach] * 4)
    y, x = _integers(2 * reach + 1, (2, count), generator)
    rows = y[:, None] + torch.arange(height, device=images.device)
    columns = x[:, None] + torch.arange(width, device=images.device)
    picture = torch.arange(count, device=images.device)
    return padded[picture[:, None, None], rows[:, :, None], columns[:, None, :]]


def erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Hide a rectangle under one random grey, with a probability, each picture for itself.

    After Zhong et al., "Random Erasing Data Augmentation" (2017).
    """
    count, height, width = images.shape
    chosen = _uniform(count, generator) < probability
    least, greatest = ERASE_SIDES
    sides = least + _integers(greatest - least + 1, (2, count), generator)
    inside = []
    for length, side in zip((height, width), sides, strict=True):
        start = (_uniform(count, generator) * (length + side)).long() - side  # may stick out
        position = torch.arange(length, device=images.device)
        inside.append((position >= start[:, None]) & (position < (start + side)[:, None]))
    hidden = inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, None, None]
    grey = _integers(256, (count, 1, 1), generator).to(images.dtype)
    return torch.where(hidden, grey, images)


def _uniform(count: int, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator, device=generator.device)


def _integers(below: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(below, shape, generator=generator, device=generator.device)
