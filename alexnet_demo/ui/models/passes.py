"""Background passes of a model over the test and training sets, cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from alexnet_demo.inference import embedding
from alexnet_demo.inference.batcher import BATCHER
from alexnet_demo.inference.embedding import Embedding
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.ui.models import backends
from alexnet_demo.ui.models.background import Job, start

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.inference.full_pass import TestSet

BATCH = 16  # images at a time: the longest that an interactive request waits for


def _low_priority(classifier: Classifier) -> Callable[[np.ndarray], tuple[Tensor, Tensor]]:
    """`Classifier.outputs` in small batches, each run while no interactive request waits.

    One backend runs all of them: the fastest, for whose choice the first call waits.
    """
    from alexnet_demo.inference import backend

    backends.wait(classifier)
    chosen = classifier.backend

    def low_priority(images: Tensor) -> tuple[Tensor, Tensor]:
        return BATCHER.submit_low_priority(partial(chosen, images))

    return partial(backend.outputs, low_priority, batch=BATCH)


def evaluate_test_set(classifier: Classifier) -> Job[TestSet]:
    """A model's predictions for the test set, and its embedding of it."""
    from alexnet_demo.inference import full_pass

    def compute(job: Job[TestSet]) -> TestSet:
        return full_pass.predict_test_set(classifier, job.report, _low_priority(classifier))

    digest = classifier.digest
    return start(digest, "test", TEST_SAMPLES, partial(full_pass.load, digest), compute)


def nearest_training_images(classifier: Classifier, pca: Embedding) -> Job[np.ndarray]:
    """The most similar training images of each test image, uint16 (10000, `NEIGHBORS`)."""
    from alexnet_demo.inference import full_pass

    def compute(job: Job[np.ndarray]) -> np.ndarray:
        outputs = _low_priority(classifier)
        return full_pass.nearest_training_images(classifier, pca, job.report, outputs)

    load = partial(embedding.load_neighbors, classifier.digest)
    return start(classifier.digest, "training", TRAIN_SAMPLES, load, compute)


def tsne_map(classifier: Classifier, pca: Embedding) -> Job[np.ndarray]:
    """The test set in two dimensions by t-SNE, float32 (10000, 2)."""
    from alexnet_demo.inference import full_pass

    def compute(job: Job[np.ndarray]) -> np.ndarray:
        job.expect(embedding.tsne_seconds(pca.points))
        return full_pass.map_test_set(classifier, pca)

    load = partial(embedding.load_tsne, classifier.digest)
    return start(classifier.digest, "map", 0, load, compute)
