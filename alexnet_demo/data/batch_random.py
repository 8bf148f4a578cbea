"""Random numbers for whole batches of images, and which garments the labels stand for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import interpolate


class Label(IntEnum):
    """What the labels stand for, in the order of `article.CLASSES`."""

    T_SHIRT, TROUSER, PULLOVER, DRESS, COAT, SANDAL, SHIRT, SNEAKER, BAG, ANKLE_BOOT = range(10)


TOPS = (Label.T_SHIRT, Label.PULLOVER, Label.COAT, Label.SHIRT)
SHOES = (Label.SANDAL, Label.SNEAKER, Label.ANKLE_BOOT)


class BatchRandom:
    """Random numbers for N images, independent of each other."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count, self.generator, self.device = count, generator, generator.device

    def uniform(self, low: float = 0.0, high: float = 1.0, *shape: int) -> Tensor:
        """(N, *shape) in [low, high)."""
        values = torch.rand(self.count, *shape, generator=self.generator, device=self.device)
        return low + (high - low) * values

    def normal(self, *shape: int) -> Tensor:
        """(N, *shape), mean 0, standard deviation 1."""
        return torch.randn(self.count, *shape, generator=self.generator, device=self.device)

    def chance(self, probability: float) -> Tensor:
        """bool (N,), True with this probability."""
        return self.uniform() < probability

    def uniform_nchw(self, low: float, high: float) -> Tensor:
        """(N, 1, 1, 1) in [low, high)."""
        return self.uniform(low, high, 1, 1, 1)

    def chance_nchw(self, probability: float) -> Tensor:
        """bool (N, 1, 1, 1), True with this probability."""
        return expand_nchw(self.chance(probability))

    def smooth_noise(self, cells: int, side: int) -> Tensor:
        """(N, 1, side, side) with about ``cells`` blobs a side, mean 0, standard deviation 1."""
        noise = self.normal(1, cells + 1, cells + 1)
        return interpolate(noise, size=(side, side), mode="bilinear", align_corners=True) * 1.5


@cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """A constant (N,) on a device, copied there once: each copy makes the host wait for a GPU."""
    return torch.tensor(values, device=device)


def per_label(values: Mapping[Label, float], labels: Tensor) -> Tensor:
    """The value for each label, float (N,); 0 for labels without one."""
    return constant(tuple(values.get(label, 0.0) for label in Label), labels.device)[labels]


def one_of(labels: Tensor, classes: tuple[Label, ...]) -> Tensor:
    """bool (N,): whether a label is among these classes."""
    return per_label(dict.fromkeys(classes, 1.0), labels) > 0


def expand_nchw(values: Tensor) -> Tensor:
    """(N,) → (N, 1, 1, 1), to broadcast with images (N, C, H, W)."""
    return values[:, None, None, None]
