"""Background passes of a model over the test and training sets, cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from alexnet_demo.inference.batcher import BROKER
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.ui.models.background import Job, TimedJob, start

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.inference.embedding import Atlas

BATCH = 16  # images at a time: the longest that an interactive request waits for


def _low_priority(classifier: Classifier) -> Callable[[np.ndarray], tuple[Tensor, Tensor]]:
    """`Classifier.outputs` in small batches, each run while no interactive request waits."""

    def outputs(pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        import torch

        batches = [pixels[first : first + BATCH] for first in range(0, len(pixels), BATCH)]
        logits, features = zip(
            *(BROKER.submit_low_priority(partial(classifier.outputs, batch)) for batch in batches),
            strict=True,
        )
        return torch.cat(logits), torch.cat(features)

    return outputs


def evaluate_test_set(classifier: Classifier) -> Job[tuple[Results, Atlas]]:
    """A model's predictions for the test set, and its embedding of it."""
    from alexnet_demo.inference import full_pass

    def compute(job: Job[tuple[Results, Atlas]]) -> tuple[Results, Atlas]:
        return full_pass.of_test_set(classifier, job.advance, _low_priority(classifier))

    job: Job[tuple[Results, Atlas]] = Job((classifier.digest, "test"), TEST_SAMPLES)
    return start(job, partial(full_pass.kept, classifier.digest), compute)


def embed_training_set(classifier: Classifier, atlas: Atlas) -> Job[np.ndarray]:
    """A model's embedding of the training set, float (60000, D)."""
    from alexnet_demo.inference import embedding, full_pass

    def compute(job: Job[np.ndarray]) -> np.ndarray:
        outputs = _low_priority(classifier)
        return full_pass.of_training_set(classifier, atlas, job.advance, outputs)

    job: Job[np.ndarray] = Job((classifier.digest, "training"), TRAIN_SAMPLES)
    return start(job, partial(embedding.read_training, classifier.digest), compute)


def tsne_map(digest: str, atlas: Atlas) -> TimedJob[np.ndarray]:
    """The test set in two dimensions by t-SNE, float32 (10000, 2).

    Args:
        digest: of the model that the embedding belongs to.
        atlas: the embedding.
    """
    from alexnet_demo.inference import embedding, tsne

    def compute(job: TimedJob[np.ndarray]) -> np.ndarray:
        job.expect(tsne.expected_seconds(atlas.points))
        points = tsne.embed(atlas.points)
        with suppress(OSError):
            embedding.keep_map(digest, points)
        return points

    job: TimedJob[np.ndarray] = TimedJob((digest, "map"), TEST_SAMPLES)
    return start(job, partial(embedding.read_map, digest), compute)
