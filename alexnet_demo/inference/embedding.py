"""fc7 features of images in few dimensions: principal components, t-SNE, and nearest neighbors.

Images that are close together look alike to the network.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alexnet_demo.inference import cache

if TYPE_CHECKING:
    from torch import Tensor

# scikit-learn takes a second to import, and torch more: the functions below import them when they
# run.

COMPONENTS = 64
NEIGHBORS = 8  # nearest training images of each test image
TSNE_SAMPLE, TSNE_SAMPLE_ITERATIONS = 1_000, 250
TSNE_FACTOR = 70
"""Time of t-SNE on 10,000 points with 1,000 iterations, over that of the sample (45 s / 0.65 s)."""


@dataclass(frozen=True)
class Embedding:
    """Principal components of the N test images' features.

    Attributes:
        points: float32 (N, D), the coordinates of the test images in the test set's order.
        mean: float32 (F,), the mean feature vector.
        basis: float32 (F, D), orthonormal columns in order of decreasing variance.
        variance: float32 (D,), the fraction of the total variance along each component.
    """

    points: np.ndarray
    mean: np.ndarray
    basis: np.ndarray
    variance: np.ndarray

    def project(self, features: Tensor) -> np.ndarray:
        """fc7 features, float (N, F) → coordinates, float32 (N, D)."""
        return (features.numpy() - self.mean) @ self.basis

    def head(self, components: int) -> Embedding:
        """The same in the first ``components`` only."""
        first = slice(components)
        return Embedding(
            self.points[:, first], self.mean, self.basis[:, first], self.variance[first]
        )


def fit(features: Tensor, components: int = COMPONENTS) -> Embedding:
    """Principal components of features, float32 (N, F), with a fixed random state.

    Uses the randomized method of Halko et al., "Finding structure with randomness" (2011). The
    largest weight of each component is positive.
    """
    from sklearn.decomposition import PCA

    count = min(components, *features.shape)
    pca = PCA(count, svd_solver="randomized", iterated_power=4, random_state=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 when all features are equal
        points = pca.fit_transform(features.numpy())
    variance = np.nan_to_num(pca.explained_variance_ratio_)
    arrays = (points, pca.mean_, pca.components_.T, variance)
    return Embedding(*(array.astype(np.float32) for array in arrays))


class NearestNeighbors:
    """The nearest of a growing list of points, for N queries at once.

    Args:
        queries: float32 (N, D).
        count: how many neighbors to find for each.
    """

    def __init__(self, queries: np.ndarray, count: int = NEIGHBORS) -> None:
        import torch

        self._queries, self._count, self._size = torch.from_numpy(queries), count, 0
        self._distances = torch.empty(len(queries), 0)
        self._indices = torch.empty(len(queries), 0, dtype=torch.int64)

    def add(self, points: np.ndarray) -> None:
        """Append points, float32 (M, D), to the list."""
        import torch

        distances = torch.cdist(self._queries, torch.from_numpy(points))
        added = torch.arange(self._size, self._size + len(points)).expand(distances.shape)
        candidates = torch.cat([self._distances, distances], 1)
        count = min(self._count, candidates.shape[1])
        self._distances, chosen = candidates.topk(count, largest=False)
        self._indices = torch.cat([self._indices, added], 1).gather(1, chosen)
        self._size += len(points)

    def indices(self) -> np.ndarray:
        """Each query's neighbors by their place in the list, nearest first: uint16 (N, count).

        Fewer columns while the list is shorter than that.
        """
        return self._indices.numpy().astype(np.uint16)


def tsne(points: np.ndarray, iterations: int = 1_000) -> np.ndarray:
    """Map points to two dimensions; the same points give the same map.

    van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008), with the Barnes-Hut
    approximation. Runs on one core, so that the server stays responsive.

    Args:
        points: float32 (N, D), N above 30, coordinates along principal components.
        iterations: at least 250.

    Returns:
        float32 (N, 2). Distances between clusters and cluster sizes carry little meaning.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # PCA initialization preserves the global structure: Kobak and Berens, "The art of using t-SNE
    # for single-cell transcriptomics" (2019).
    with threadpool_limits(1, "openmp"):
        return TSNE(init="pca", random_state=0, max_iter=iterations).fit_transform(points)


def tsne_seconds(points: np.ndarray) -> float:
    """Expected duration of `tsne` for 10,000 points on this machine, measured on a sample."""
    start = time.perf_counter()
    tsne(points[:TSNE_SAMPLE], TSNE_SAMPLE_ITERATIONS)
    return TSNE_FACTOR * (time.perf_counter() - start)


# ------------------------------------------------------------------ cached on disk

PART, TSNE_PART, NEIGHBOR_PART = "atlas", "map", "neighbors"
"""The parts of the cache with the fields of `Embedding`, with `tsne` of the test set (``points``),
and with its nearest training images (``indices``, uint16 (10000, `NEIGHBORS`))."""


def load(digest: str) -> Embedding | None:
    """The cached embedding; None when missing or damaged."""
    try:
        return Embedding(**cache.load(digest, PART))
    except TypeError:  # other arrays, or none
        return None


def load_tsne(digest: str) -> np.ndarray | None:
    """The cached result of `tsne`; None when missing or damaged."""
    return cache.load(digest, TSNE_PART).get("points")


def load_neighbors(digest: str) -> np.ndarray | None:
    """The cached result of `full_pass.nearest_training_images`; None when missing or damaged."""
    return cache.load(digest, NEIGHBOR_PART).get("indices")
