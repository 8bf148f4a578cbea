"""A forward pass over a whole dataset; the results are cached under the digest of the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference import cache, embedding, predictions
from alexnet_demo.inference.embedding import Embedding
from alexnet_demo.inference.predictions import Results

if TYPE_CHECKING:
    from alexnet_demo.inference.classifier import Classifier

CHUNK = 250  # images between two progress reports
Outputs = Callable[[np.ndarray], tuple[torch.Tensor, torch.Tensor]]
"""`Classifier.outputs`, or a wrapper that runs it at low priority."""
Progress = Callable[[int], object]
"""Called with the number of images just processed."""


def load(digest: str) -> tuple[Results, Embedding] | None:
    """What `predict_test_set` cached for a weights file; None without a complete cache."""
    results, places = predictions.load(digest), embedding.load(digest)
    return None if results is None or places is None else (results, places)


def predict_test_set(
    classifier: Classifier,
    progress: Progress = lambda count: None,
    outputs: Outputs | None = None,
) -> tuple[Results, Embedding]:
    """Predictions for the test set and the embedding of its features; both are cached.

    Args:
        outputs: in place of `Classifier.outputs`.

    Raises:
        DataError: when the test set cannot be read.
    """
    labels = load_split(train=False).labels.numpy()
    chunks = list(_forward(False, outputs or classifier.outputs, progress))
    logits, features = (torch.cat(parts) for parts in zip(*chunks, strict=True))
    results = Results(classifier.confidence.probabilities(logits).numpy(), labels)
    places = embedding.fit(features)
    with suppress(OSError):  # without the cache it is computed again after a restart
        cache.save(classifier.digest, asdict(results))
        cache.save(classifier.digest, asdict(places), embedding.PART)
    return results, places


def embed_training_set(
    classifier: Classifier, places: Embedding, progress: Progress, outputs: Outputs
) -> np.ndarray:
    """Coordinates of the training images in an embedding, float16 (60000, D); cached.

    Raises:
        DataError: when the training set cannot be read.
    """
    chunks = _forward(True, outputs, progress)
    points = np.concatenate([places.project(own).astype(np.float16) for _, own in chunks])
    with suppress(OSError):
        cache.save(classifier.digest, {"points": points}, "training")
    return points


def _forward(
    train: bool, outputs: Outputs, progress: Progress
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Logits and features of the training or the test set, chunk by chunk."""
    for images in load_split(train=train).images.split(CHUNK):
        yield outputs(images.numpy())
        progress(len(images))
