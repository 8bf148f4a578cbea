"""Data augmentation of whole batches, on the training device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from alexnet_demo.data.batch_random import BatchRandom, Label, per_label
from alexnet_demo.data.synthetic import as_drawings, as_photos
from alexnet_demo.settings.config import TrainConfig

RARELY_DRAWN = {Label.SHIRT: 0.7, Label.ANKLE_BOOT: 0.4, Label.SANDAL: 0.4}
"""Share of a class that is moved to where it is not drawn."""
ERASE_SIDES = (4, 12)
"""Least and greatest side of an erased rectangle, in pixels of 28."""


def augment(
    images: Tensor, labels: Tensor, config: TrainConfig, generator: torch.Generator
) -> list[Tensor]:
    """Augment a batch as the config requests.

    The first images of the batch become drawings, the next ones photos; a batch is in random order
    already. The rest is flipped, shifted, and partly erased.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,).
        config: ``drawings`` and ``photos`` are shares of the batch.
        generator: on the device of ``images``; the same state gives the same images.

    Returns:
        uint8 images in the batch's order, in groups of one size each, for `network.input.to_input`.
    """
    drawings, photos = (round(share * len(images)) for share in (config.drawings, config.photos))
    groups = []
    if drawings:
        groups.append(as_drawings(images[:drawings], labels[:drawings], generator))
    if photos:
        chosen = slice(drawings, drawings + photos)
        groups.append(as_photos(images[chosen], labels[chosen], generator))
    plain = images[drawings + photos :]
    if config.flip:
        plain = flip(plain, generator)
    if config.shift:
        plain = shift(plain, config.shift, generator)
    if config.erase:
        plain = erase(plain, config.erase, generator)
    return [*groups, plain] if len(plain) or not groups else groups


def order_by_drawability(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """An order (N,) of a batch in which `augment` draws classes about as often as people do.

    People draw jackets and shoes often, but hardly ever shirts; and outlines alone do not
    distinguish a shirt from a coat, or a boot or a closed sandal from a sneaker. So most shirts and
    some boots and sandals go to the end of the batch, where images are not drawn. The order is kept
    where none or all of the images are drawn (``share`` is 0 or 1).
    """
    if not 0 < share < 1:
        return torch.arange(len(labels), device=labels.device)
    late = BatchRandom(len(labels), generator).uniform() < per_label(RARELY_DRAWN, labels)
    return late.long().argsort(stable=True)


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip each image horizontally with probability 0.5."""
    chosen = BatchRandom(len(images), generator).chance(0.5)
    return torch.where(chosen[:, None, None], images.flip(-1), images)


def shift(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Shift each image by up to ``reach`` pixels in x and y; background comes in at the edge."""
    count, height, width = images.shape
    windows = pad(images, [reach] * 4).unfold(1, height, 1).unfold(2, width, 1)
    y, x = _integers(2 * reach + 1, (2, count), generator)
    return windows[torch.arange(count, device=images.device), y, x]


def erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Cover a rectangle of each image with a random gray level, with this probability.

    After Zhong et al., "Random Erasing Data Augmentation" (2017).
    """
    count, height, width = images.shape
    random = BatchRandom(count, generator)
    chosen = random.chance(probability)
    least, greatest = ERASE_SIDES
    sides = least + _integers(greatest - least + 1, (2, count), generator)
    inside = []
    for length, side in zip((height, width), sides, strict=True):
        start = (random.uniform() * (length + side)).long() - side  # may stick out
        position = torch.arange(length, device=images.device)
        inside.append((position >= start[:, None]) & (position < (start + side)[:, None]))
    erased = inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, None, None]
    gray = _integers(256, (count, 1, 1), generator).to(images.dtype)
    return torch.where(erased, gray, images)


def _integers(below: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(below, shape, generator=generator, device=generator.device)
