"""Random numbers for whole batches of images, and which garments the labels stand for."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cache
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import interpolate

Range = tuple[float, float]
Ranges = dict[str, Range | Mapping[int, Range]]
Chances = dict[str, float | Mapping[int, float]]
INTERPOLATED = 1.5
"""Bilinear interpolation of independent numbers divides their standard deviation by this."""


class Label(IntEnum):
    """What the labels stand for, in the order of `article.CLASSES`."""

    T_SHIRT, TROUSER, PULLOVER, DRESS, COAT, SANDAL, SHIRT, SNEAKER, BAG, ANKLE_BOOT = range(10)


TOPS = (Label.T_SHIRT, Label.PULLOVER, Label.COAT, Label.SHIRT)
SHOES = (Label.SANDAL, Label.SNEAKER, Label.ANKLE_BOOT)


@dataclass(frozen=True)
class Draws:
    """The random numbers that are drawn for each image, by name.

    Attributes:
        uniforms: the range [low, high) of a number; a mapping has one for each label, and the
            number is 0 for others.
        chances: the probability of True; a mapping has one for each label, and it is never True
            for others.
        noise: about how many blobs a side an image of smooth noise has.
        normals: how many numbers with mean 0 and standard deviation 1.
    """

    uniforms: Ranges = field(default_factory=dict)
    chances: Chances = field(default_factory=dict)
    noise: Mapping[str, int] = field(default_factory=dict)
    normals: int = 0

    def __or__(self, other: Self) -> Self:
        """All that either of them draws."""
        return replace(
            self,
            uniforms={**self.uniforms, **other.uniforms},
            chances={**self.chances, **other.chances},
            noise={**self.noise, **other.noise},
            normals=self.normals + other.normals,
        )

    def table(self, kinds: int) -> tuple[tuple[float, ...], ...]:
        """For each label below ``kinds`` all lower limits, all spans, and all probabilities."""
        rows = []
        for kind in range(kinds):
            ranges = [
                limits.get(kind, (0.0, 0.0)) if isinstance(limits, Mapping) else limits
                for limits in self.uniforms.values()
            ]
            chances = [
                chance.get(kind, 0.0) if isinstance(chance, Mapping) else chance
                for chance in self.chances.values()
            ]
            spans = [high - low for low, high in ranges]
            rows.append((*(float(low) for low, _ in ranges), *spans, *chances))
        return tuple(rows)


class BatchRandom:
    """Random numbers for N images, independent of each other; ``random["name"]`` is (N, 1, 1, 1).

    All are drawn at once, which takes few operations, and for the whole batch, of which the N
    images may be a part: processes that share a batch get the same numbers for an image as a
    single process would.

    Args:
        draws: what to draw.
        labels: int64 (count,), of the whole batch.
        generator: on their device.
        rows: the N images.
        kinds: number of different labels.
    """

    def __init__(
        self,
        draws: Draws,
        labels: Tensor,
        generator: torch.Generator,
        rows: slice = slice(None),
        kinds: int = len(Label),
    ) -> None:
        count, device = len(labels), generator.device
        uniforms, chances = len(draws.uniforms), len(draws.chances)
        table = constant(draws.table(kinds), device)[labels].T
        low, span, probability = table.split([uniforms, uniforms, chances])
        raw = torch.rand(uniforms + chances, count, generator=generator, device=device)
        numbers = torch.addcmul(low, span, raw[:uniforms])
        events = raw[uniforms:] < probability
        self._noise, self._used = draws.noise, 0
        normals = draws.normals + sum((cells + 1) ** 2 for cells in draws.noise.values())
        self._normals = torch.randn(count, normals, generator=generator, device=device)[rows]
        self.device = device
        self._values = dict(zip(draws.uniforms, _columns(numbers, rows), strict=True))
        self._values |= zip(draws.chances, _columns(events, rows), strict=True)

    def __getitem__(self, name: str) -> Tensor:
        return self._values[name]

    def normal(self, *shape: int) -> Tensor:
        """(N, *shape), mean 0, standard deviation 1; other numbers in each call."""
        first, self._used = self._used, self._used + math.prod(shape)
        return self._normals[:, first : self._used].unflatten(1, shape)

    def noise(self, side: int) -> dict[str, Tensor]:
        """Smooth noise (N, 1, side, side), mean 0, standard deviation 1, by name."""
        by_cells = defaultdict(list)
        for name, cells in self._noise.items():
            by_cells[cells].append(name)
        shapes = [(len(names), cells + 1, cells + 1) for cells, names in by_cells.items()]
        sizes = [math.prod(shape) for shape in shapes]
        values = (self.normal(sum(sizes)) * INTERPOLATED).split(sizes, 1)
        images: dict[str, Tensor] = {}
        for names, shape, part in zip(by_cells.values(), shapes, values, strict=True):
            part = part.unflatten(1, shape)
            part = interpolate(part, (side, side), mode="bilinear", align_corners=True)
            images.update(zip(names, part.split(1, 1), strict=True))
        return images


def _columns(values: Tensor, rows: slice) -> tuple[Tensor, ...]:
    """(K, count) → K times (N, 1, 1, 1), to broadcast with images (N, C, H, W)."""
    return values[:, rows, None, None, None].unbind()


@cache
def constant(values: object, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers in nested tuples as a tensor on a device, copied there once.

    Each copy makes the host wait for a GPU.
    """
    return torch.tensor(values, dtype=dtype, device=device)


def planes(*values: float, device: torch.device) -> Tensor:
    """A constant (1, C, 1, 1): one number for each channel."""
    return constant(values, device)[None, :, None, None]
