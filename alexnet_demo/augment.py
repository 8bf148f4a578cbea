"""Random changes that leave a garment what it is, on whole batches, on the training's device."""

from __future__ import annotations

import torch
from torch import Tensor

from alexnet_demo.config import TrainConfig

ERASE_SIDES = (4, 12)
"""Least and greatest side of an erased rectangle, in pixels of 28."""


def augment(images: Tensor, config: TrainConfig, generator: torch.Generator) -> Tensor:
    """The changes that a training's settings ask for, in the order below.

    Args:
        images: uint8 (N, 28, 28), 0 background to 255.
        generator: on the device of ``images``; the same state gives the same changes.

    Returns:
        uint8 (N, 28, 28); ``images`` itself where nothing is asked for.
    """
    if config.flip:
        images = flip(images, generator)
    if config.shift:
        images = shift(images, config.shift, generator)
    if config.erase:
        images = erase(images, config.erase, generator)
    return images


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
