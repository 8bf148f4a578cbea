"""Random numbers for whole batches of pictures, and which garments they show."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

T_SHIRT, TROUSER, PULLOVER, DRESS, COAT, SANDAL, SHIRT, SNEAKER, BAG, ANKLE_BOOT = range(10)
"""Labels, in the order of `config.CLASSES`."""

TOPS = (T_SHIRT, PULLOVER, COAT, SHIRT)
SHOES = (SANDAL, SNEAKER, ANKLE_BOOT)


class BatchRandom:
    """Random numbers for N pictures, each with its own."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count, self.generator, self.device = count, generator, generator.device

    def uniform(self, low: float = 0.0, high: float = 1.0, *shape: int) -> Tensor:
        """(N, *shape) in [low, high)."""
        drawn = torch.rand(self.count, *shape, generator=self.generator, device=self.device)
        return low + (high - low) * drawn

    def chance(self, share: float) -> Tensor:
        """bool (N,), true for this share of the pictures."""
        return self.uniform() < share

    def smooth_noise(self, cells: int, side: int) -> Tensor:
        """Smooth noise (N, 1, side, side), about ``cells`` blobs a side, mean 0, spread 1."""
        shape = (self.count, 1, cells + 1, cells + 1)
        noise = torch.randn(shape, generator=self.generator, device=self.device)
        return interpolate(noise, size=(side, side), mode="bilinear", align_corners=True) * 1.5


def one_of(labels: Tensor, classes: tuple[int, ...]) -> Tensor:
    """bool (N,): whether a label is among these classes."""
    return torch.isin(labels, torch.tensor(classes, device=labels.device))


def expand_nchw(values: Tensor) -> Tensor:
    """(N,) → (N, 1, 1, 1), to meet pictures (N, C, H, W)."""
    return values[:, None, None, None]


def expand_n2(pairs: Tensor) -> Tensor:
    """(N, 2) → (N, 1, 1, 2), to meet points."""
    return pairs[:, None, None]
