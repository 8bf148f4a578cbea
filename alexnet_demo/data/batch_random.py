"""Random numbers for whole batches of images, and which garments the labels stand for."""

from __future__ import annotations

from enum import IntEnum

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


def one_of(labels: Tensor, classes: tuple[int, ...]) -> Tensor:
    """bool (N,): whether a label is among these classes."""
    return torch.isin(labels, torch.tensor(classes, device=labels.device))


def expand_nchw(values: Tensor) -> Tensor:
    """(N,) → (N, 1, 1, 1), to broadcast with images (N, C, H, W)."""
    return values[:, None, None, None]
