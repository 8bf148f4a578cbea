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

# scikit-learn takes a second to import, so the functions below import it when they run.

COMPONENTS = 64
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


def nearest(points: np.ndarray, query: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` points, float (M, D), nearest to a query (D,), nearest first.

    Returns:
        Their indices, int64, and their distances, float32.
    """
    distances = np.linalg.norm(points.astype(np.float32) - query, axis=1)
    indices = distances.argsort(kind="stable")[:count]
    return indices, distances[indices]


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

PART = "atlas"
"""The part of the cache with the fields of `Embedding`. ``points`` of the parts ``training`` and
``map`` are the coordinates of the training images, (60000, D), and `tsne` of the test set."""


def load(digest: str) -> Embedding | None:
    """The cached embedding; None when missing or damaged."""
    try:
        return Embedding(**cache.load(digest, PART))
    except TypeError:  # other arrays, or none
        return None


def load_points(digest: str, part: str) -> np.ndarray | None:
    """Cached coordinates; None when missing or damaged."""
    return cache.load(digest, part).get("points")
