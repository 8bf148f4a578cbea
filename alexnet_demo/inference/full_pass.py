"""A forward pass over a whole dataset; the results are cached under the digest of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference import cache, embedding, predictions
from alexnet_demo.inference.embedding import Embedding
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import CLASSES

if TYPE_CHECKING:
    from alexnet_demo.inference.classifier import Classifier

T = TypeVar("T")
CHUNK = 250  # images between two progress reports
Outputs = Callable[[np.ndarray], tuple[torch.Tensor, torch.Tensor]]
"""`Classifier.outputs`, or a wrapper that runs it at low priority."""
TestSet = tuple[Results, Embedding | None]
"""Predictions for the first images of the test set, and the embedding once it is complete."""
Progress = Callable[[int, T], object]
"""Called with the number of images processed so far, and with the result for these."""


def load(digest: str) -> TestSet | None:
    """What `predict_test_set` cached for a weights file; None without a complete cache."""
    results, places = predictions.load(digest), embedding.load(digest)
    return None if results is None or places is None else (results, places)


def predict_test_set(
    classifier: Classifier,
    progress: Progress[TestSet] = lambda done, result: None,
    outputs: Outputs | None = None,
) -> tuple[Results, Embedding]:
    """Predictions for the test set and the embedding of its features; both are cached.

    Args:
        outputs: in place of `Classifier.outputs`.

    Raises:
        DataError: when the test set cannot be read.
    """
    labels = load_split(train=False).labels.numpy()
    results, features = Results(np.empty((0, len(CLASSES)), np.float32), labels[:0]), []
    for logits, own in _forward(False, outputs or classifier.outputs):
        added = classifier.confidence.probabilities(logits).numpy()
        rows = np.concatenate([results.probabilities, added])
        results = Results(rows, labels[: len(rows)])
        features.append(own)
        progress(len(rows), (results, None))
    places = embedding.fit(torch.cat(features))
    with suppress(OSError):  # without the cache it is computed again after a restart
        cache.save(classifier.digest, asdict(results))
        cache.save(classifier.digest, asdict(places), embedding.PART)
    return results, places


def nearest_training_images(
    classifier: Classifier,
    places: Embedding,
    progress: Progress[np.ndarray] = lambda done, result: None,
    outputs: Outputs | None = None,
) -> np.ndarray:
    """The training images nearest to each test image in an embedding of the test set; cached.

    Args:
        outputs: in place of `Classifier.outputs`.

    Returns:
        See `NearestNeighbors.indices`.

    Raises:
        DataError: when the training set cannot be read.
    """
    neighbors, done = embedding.NearestNeighbors(places.points), 0
    for _, features in _forward(True, outputs or classifier.outputs):
        neighbors.add(places.project(features))
        done += len(features)
        progress(done, neighbors.indices())
    indices = neighbors.indices()
    with suppress(OSError):
        cache.save(classifier.digest, {"indices": indices}, embedding.NEIGHBOR_PART)
    return indices


def map_test_set(classifier: Classifier, places: Embedding) -> np.ndarray:
    """`embedding.tsne` of the test set, float32 (10000, 2); cached."""
    points = embedding.tsne(places.points)
    with suppress(OSError):
        cache.save(classifier.digest, {"points": points}, embedding.TSNE_PART)
    return points


def _forward(train: bool, outputs: Outputs) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Logits and features of the training or the test set, chunk by chunk."""
    for images in load_split(train=train).images.split(CHUNK):
        yield outputs(images.numpy())
