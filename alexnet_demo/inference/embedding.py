"""Where pictures lie for the network: fc7's features along the directions in which they differ.

Pictures that lie close together look alike to the network. Two of the directions make a map; more
of them tell which training pictures are nearest to a test picture.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor

from alexnet_demo.inference import predictions

DIRECTIONS = 64
"""Principal components that are kept."""
MORE = 10
"""Sought beyond them: the last of those sought come out less well."""


@dataclass(frozen=True)
class Atlas:
    """The test pictures' places, and how to find those of others.

    Attributes:
        points: float32 (N, D), the test pictures in the test set's order.
        mean: float32 (F,), of the test pictures' features.
        basis: float32 (F, D), orthonormal columns, the widest direction first.
        variance: float32 (D,), the share of the features' variance along each direction.
    """

    points: np.ndarray
    mean: np.ndarray
    basis: np.ndarray
    variance: np.ndarray

    def place(self, features: Tensor) -> np.ndarray:
        """Features of fc7, float (N, F) → places, float32 (N, D)."""
        return (features.numpy() - self.mean) @ self.basis


def fit(features: Tensor, directions: int = DIRECTIONS) -> Atlas:
    """Principal components of features, float32 (N, F).

    Found by the randomised method of Halko et al., "Finding structure with randomness" (2011),
    always with the same random numbers. A direction points where its greatest weight is positive.
    """
    most = min(features.shape)
    count = min(directions, most)
    mean = features.mean(0)
    centred = features - mean
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        wide = min(count + MORE, most)
        _, spread, basis = torch.pca_lowrank(centred, q=wide, center=False, niter=4)
    spread, basis = spread[:count], basis[:, :count]
    greatest = basis.abs().argmax(0)
    basis = basis * basis[greatest, torch.arange(count)].sign()
    total = centred.square().sum().clamp(min=1e-12)
    found = (centred @ basis, mean, basis, spread.square() / total)
    return Atlas(*(part.float().numpy() for part in found))


def nearest(points: np.ndarray, place: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` points, float (M, D), that are nearest to a place (D,), nearest first.

    Returns:
        Their numbers, int64, and their distances, float32.
    """
    away = np.linalg.norm(points.astype(np.float32) - place, axis=1)
    count = min(count, len(away))
    chosen = np.argpartition(away, count - 1)[:count]
    chosen = chosen[np.argsort(away[chosen], kind="stable")]
    return chosen, away[chosen]


# ------------------------------------------------------------------ kept on disk


def kept_at(digest: str, what: str) -> Path:
    """Where the ``atlas``, the ``map`` or the ``training`` pictures' places of a file are kept."""
    return predictions.kept_at(digest).with_suffix(f".{what}.safetensors")


def keep(digest: str, atlas: Atlas) -> None:
    """Write an atlas, whole or not at all.

    Raises:
        OSError: when the disk does not take it.
    """
    predictions.write(kept_at(digest, "atlas"), asdict(atlas))


def read(digest: str) -> Atlas | None:
    """An atlas that was kept; None where there is none that can be read."""
    try:
        return Atlas(**load_file(kept_at(digest, "atlas")))
    except (OSError, SafetensorError, TypeError):
        return None


def keep_training(digest: str, points: np.ndarray) -> None:
    """Write the training pictures' places, float (M, D), in half precision.

    Raises:
        OSError: when the disk does not take them.
    """
    predictions.write(kept_at(digest, "training"), {"points": points.astype(np.float16)})


def read_training(digest: str) -> np.ndarray | None:
    """The training pictures' places, float16 (M, D); None where none that can be read are kept."""
    return _points(kept_at(digest, "training"))


def keep_map(digest: str, points: np.ndarray) -> None:
    """Write the test pictures' places on the map that `tsne` makes, float32 (N, 2).

    Raises:
        OSError: when the disk does not take them.
    """
    predictions.write(kept_at(digest, "map"), {"points": points})


def read_map(digest: str) -> np.ndarray | None:
    """The test pictures' places on the map; None where none that can be read are kept."""
    return _points(kept_at(digest, "map"))


def _points(path: Path) -> np.ndarray | None:
    try:
        return load_file(path)["points"]
    except (OSError, SafetensorError, KeyError):
        return None
