"""Background passes of a model over the test and training sets, most of them cached on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from alexnet_demo.inference import embedding
from alexnet_demo.inference.batcher import BATCHER, LOW_PRIORITY_BATCH
from alexnet_demo.inference.embedding import Embedding
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.ui.models import backends, datasets
from alexnet_demo.ui.models.background import Job, start, start_trial

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from alexnet_demo.inference.channel_tops import ChannelTops
    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.inference.full_pass import TestSet
    from alexnet_demo.inference.merged import Merged
    from alexnet_demo.network.alexnet import AlexNet
    from alexnet_demo.network.distinct_units import Closest

FIRST_IMAGES = 1_000  # of the test set, for what a visitor waits for


def _low_priority(classifier: Classifier) -> Callable[[np.ndarray], tuple[Tensor, Tensor]]:
    """`Classifier.outputs` in small batches, each run while no interactive request waits.

    One backend runs all of them: the fastest, for whose choice the first call waits.
    """
    from alexnet_demo.inference import backend

    backends.wait(classifier)
    chosen = classifier.backend

    def low_priority(images: Tensor) -> tuple[Tensor, Tensor]:
        return BATCHER.submit_low_priority(partial(chosen, images))

    return partial(backend.outputs, low_priority, batch=LOW_PRIORITY_BATCH)


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


def channel_tops(model: AlexNet, digest: str) -> Job[dict[str, ChannelTops]]:
    """The test images that activate each channel most, by convolution.

    Of the first `FIRST_IMAGES`; for the included model, those stored beside it.

    Args:
        digest: identifies the weights.
    """
    from alexnet_demo.inference import channel_tops as tops

    def compute(job: Job[dict[str, ChannelTops]]) -> dict[str, ChannelTops]:
        images = datasets.test_set().images[:FIRST_IMAGES]
        found = tops.search(model, images, job.count, BATCHER.submit_low_priority)
        tops.save(digest, found)
        return found

    return start(digest, "channels", FIRST_IMAGES, partial(tops.load, digest), compute)


def predict_merged(
    classifier: Classifier, closest: Mapping[str, Closest], threshold: float
) -> Job[Merged]:
    """Predictions for the first `FIRST_IMAGES` test images without units that are copies.

    Args:
        closest: see `duplicates.merge_copies`; as ``threshold``.
    """
    from alexnet_demo.inference import merged
    from alexnet_demo.network.duplicates import merge_copies

    def compute(job: Job[Merged]) -> Merged:
        images = datasets.test_set().images[:FIRST_IMAGES]
        net = BATCHER.submit_low_priority(
            partial(merge_copies, classifier.model, closest, threshold)
        )
        return merged.predict(net, images, job.count, BATCHER.submit_low_priority)

    key = f"{classifier.digest} {threshold:.2f}"
    return start_trial(key, "merged", FIRST_IMAGES, compute)
