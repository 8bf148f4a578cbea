"""A map by t-SNE: neighbours among many directions stay neighbours in two. Imports no torch.

van der Maaten and Hinton, "Visualizing Data using t-SNE" (2008), by Barnes and Hut's method as in
scikit-learn.
"""

from __future__ import annotations

import time

import numpy as np
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

SAMPLE, SAMPLE_ITERATIONS = 1_000, 250
TIMES_AS_LONG = 70
"""As the sample take 10,000 points and 1,000 iterations: 45 s of a core, where it takes 0.65."""


def embed(points: np.ndarray, iterations: int = 1_000) -> np.ndarray:
    """Places on the map, the same ones for the same points.

    It takes one core alone, so that others on the machine are not kept waiting.

    Args:
        points: float32 (N, D), N above 30, along their principal components.
        iterations: at least 250.

    Returns:
        float32 (N, 2), centred. Neither distances between clumps nor their sizes mean much.
    """
    # It begins with the two widest directions, which keeps what is far apart in order, too: Kobak
    # and Berens, "The art of using t-SNE for single-cell transcriptomics" (2019).
    method = TSNE(init="pca", random_state=0, max_iter=iterations)
    with threadpool_limits(1, "openmp"):
        return method.fit_transform(points)


def expected_seconds(points: np.ndarray) -> float:
    """How long `embed` should take here for 10,000 points, from a sample of them, measured now."""
    begin = time.perf_counter()
    embed(points[:SAMPLE], SAMPLE_ITERATIONS)
    return TIMES_AS_LONG * (time.perf_counter() - begin)
