"""Asking a network about a whole data set, and keeping what it said under its file's digest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import torch

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference import embedding, predictions
from alexnet_demo.inference.embedding import Atlas
from alexnet_demo.inference.predictions import Results

if TYPE_CHECKING:
    from alexnet_demo.inference.classifier import Classifier

CHUNK = 250  # pictures between two words of progress
Outputs = Callable[[np.ndarray], tuple[torch.Tensor, torch.Tensor]]
"""`Classifier.outputs`, or something that asks it when others do not wait."""
Tell = Callable[[int], object]
"""Told how many pictures more have been asked about."""


def kept(digest: str) -> tuple[Results, Atlas] | None:
    """What `of_test_set` kept for a network's file; None where it has not been asked yet."""
    answers, places = predictions.read(digest), embedding.read(digest)
    return None if answers is None or places is None else (answers, places)


def of_test_set(
    classifier: Classifier, tell: Tell = lambda more: None, outputs: Outputs | None = None
) -> tuple[Results, Atlas]:
    """What a network says of the test pictures, and where they lie for it; kept on disk.

    Args:
        outputs: asks the network in another way than directly.

    Raises:
        DataError: when the test set cannot be read.
    """
    split, parts, features = load_split(train=False), [], []
    for images in split.images.split(CHUNK):
        logits, own = (outputs or classifier.outputs)(images.numpy())
        parts.append(classifier.certainty.probabilities(logits).numpy())
        features.append(own)
        tell(len(images))
    answers = Results(np.concatenate(parts), split.labels.numpy())
    places = embedding.fit(torch.cat(features))
    with suppress(OSError):  # then it is asked again after the next start
        predictions.keep(classifier.digest, answers)
        embedding.keep(classifier.digest, places)
    return answers, places


def of_training_set(
    classifier: Classifier, places: Atlas, tell: Tell, outputs: Outputs
) -> np.ndarray:
    """Where the training pictures lie for a network, float16 (60000, D); kept on disk.

    Raises:
        DataError: when the training set cannot be read.
    """
    parts = []
    for images in load_split(train=True).images.split(CHUNK):
        parts.append(places.place(outputs(images.numpy())[1]).astype(np.float16))
        tell(len(images))
    points = np.concatenate(parts)
    with suppress(OSError):
        embedding.keep_training(classifier.digest, points)
    return points
