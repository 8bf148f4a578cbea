"""Data augmentation of whole batches, on the training device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from alexnet_demo.data.batch_random import Label, constant
from alexnet_demo.data.synthetic import ALL, rows_between, synthesize
from alexnet_demo.settings.config import TrainConfig

RARELY_DRAWN = {Label.SHIRT: 0.7, Label.ANKLE_BOOT: 0.4, Label.SANDAL: 0.4}
"""Share of a class that is moved to where it is not drawn."""
ERASE_SIDES = (4, 12)
"""Least and greatest side of an erased rectangle, in pixels of 28."""


def augment(
    images: Tensor,
    labels: Tensor,
    config: TrainConfig,
    generator: torch.Generator,
    rows: slice = ALL,
) -> list[Tensor]:
    """Augment a batch as the config requests.

    The first images of the batch become drawings, the next ones photos; a batch is in random order
    already. The rest is flipped, shifted, and partly erased.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,).
        config: ``drawings`` and ``photos`` are shares of the batch.
        generator: on the device of ``images``; the same state gives the same images.
        rows: the images of the batch to return. Each is the same as if all were returned.

    Returns:
        uint8 images in the batch's order, in groups of one size each, for `network.input.to_input`.
    """
    drawings, photos = (round(share * len(images)) for share in (config.drawings, config.photos))
    groups: list[Tensor] = []
    if made := drawings + photos:
        own = rows_between(rows, 0, made)
        groups += synthesize(images[:made], labels[:made], drawings, generator, own)
    plain = images[made:]
    if config.flip:
        plain = flip(plain, generator)
    if config.shift:
        plain = shift(plain, config.shift, generator)
    if config.erase:
        plain = erase(plain, config.erase, generator)
    groups.append(plain[rows_between(rows, made, len(images))])
    return [group for group in groups if len(group)]


def order_by_drawability(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """An order (N,) of a batch in which `augment` draws classes about as often as people do.

    People draw jackets and shoes often, but hardly ever shirts; and outlines alone do not
    distinguish a shirt from a coat, or a boot or a closed sandal from a sneaker. So most shirts and
    some boots and sandals go to the end of the batch, where images are not drawn. The order is kept
    where none or all of the images are drawn (``share`` is 0 or 1).
    """
    if not 0 < share < 1:
        return torch.arange(len(labels), device=labels.device)
    shares = constant(tuple(RARELY_DRAWN.get(label, 0.0) for label in Label), labels.device)[labels]
    late = _uniform((len(labels),), generator) < shares
    return late.long().argsort(stable=True)


def flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip each image horizontally with probability 0.5."""
    chosen = _uniform((len(images),), generator) < 0.5
    return torch.where(chosen[:, None, None], images.flip(-1), images)


def shift(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    """Shift each image by up to ``reach`` pixels in x and y; background comes in at the edge."""
    count, height, width = images.shape
    windows = pad(images, [reach] * 4).unfold(1, height, 1).unfold(2, width, 1)
    y, x = _integers(0, 2 * reach + 1, (2, count), generator)
    return windows[constant(tuple(range(count)), images.device, torch.long), y, x]


def erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Cover a rectangle of each image with a random gray level, with this probability.

    After Zhong et al., "Random Erasing Data Augmentation" (2017).
    """
    count, height, width = images.shape
    chosen = _uniform((count,), generator) < probability
    least, greatest = ERASE_SIDES
    sides = _integers(least, greatest + 1, (2, count), generator)
    extent = constant(((height,), (width,)), images.device)
    start = (_uniform((2, count), generator) * (extent + sides)).long() - sides  # may stick out
    pixels = constant(tuple(range(max(height, width))), images.device, torch.long)
    from_start = pixels - start[..., None]
    inside = (from_start >= 0) & (from_start < sides[..., None])
    rows, columns = inside[0, :, :height, None], inside[1, :, None, :width]
    erased = rows & columns & chosen[:, None, None]
    gray = _integers(0, 256, (count, 1, 1), generator).to(images.dtype)
    return torch.where(erased, gray, images)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def _integers(low: int, high: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(low, high, shape, generator=generator, device=generator.device)
