"""Background passes of a model over the test and training sets, cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from alexnet_demo.inference import cache, embedding
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.inference.embedding import Embedding
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.ui.models.background import Job, start

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from alexnet_demo.inference.classifier import Classifier

BATCH = 16  # images at a time: the longest that an interactive request waits for


def _low_priority(classifier: Classifier) -> Callable[[np.ndarray], tuple[Tensor, Tensor]]:
    """`Classifier.outputs` in small batches, each run while no interactive request waits."""

    def outputs(pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        import torch

        batches = [pixels[first : first + BATCH] for first in range(0, len(pixels), BATCH)]
        logits, features = zip(
            *(BATCHER.submit_low_priority(partial(classifier.outputs, batch)) for batch in batches),
            strict=True,
        )
        return torch.cat(logits), torch.cat(features)

    return outputs


def evaluate_test_set(classifier: Classifier) -> Job[tuple[Results, Embedding]]:
    """A model's predictions for the test set, and its embedding of it."""
    from alexnet_demo.inference import full_pass

    def compute(job: Job[tuple[Results, Embedding]]) -> tuple[Results, Embedding]:
        return full_pass.predict_test_set(classifier, job.advance, _low_priority(classifier))

    digest = classifier.digest
    return start(digest, "test", TEST_SAMPLES, partial(full_pass.load, digest), compute)


def embed_training_set(classifier: Classifier, pca: Embedding) -> Job[np.ndarray]:
    """The training set in a model's embedding, float (60000, D)."""
    from alexnet_demo.inference import full_pass

    def compute(job: Job[np.ndarray]) -> np.ndarray:
        outputs = _low_priority(classifier)
        return full_pass.embed_training_set(classifier, pca, job.advance, outputs)

    load = partial(embedding.load_points, classifier.digest, "training")
    return start(classifier.digest, "training", TRAIN_SAMPLES, load, compute)


def tsne_map(digest: str, pca: Embedding) -> Job[np.ndarray]:
    """The test set in two dimensions by t-SNE, float32 (10000, 2)."""

    def compute(job: Job[np.ndarray]) -> np.ndarray:
        job.expect(embedding.tsne_seconds(pca.points))
        points = embedding.tsne(pca.points)
        with suppress(OSError):
            cache.save(digest, {"points": points}, "map")
        return points

    return start(digest, "map", 0, partial(embedding.load_points, digest, "map"), compute)
