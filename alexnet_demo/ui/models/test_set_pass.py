"""TODO docstring."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from alexnet_demo.inference.batcher import BROKER
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.ui.models.background import Drawing, Survey, _office

if TYPE_CHECKING:  # torch takes seconds to import
    from torch import Tensor

    from alexnet_demo.inference.classifier import Classifier
    from alexnet_demo.inference.embedding import Atlas

PIECE = 16  # pictures at a time: whoever asks about one meanwhile waits for no more


def _unhurried(classifier: Classifier) -> Callable[[np.ndarray], tuple[Tensor, Tensor]]:
    """Ask a network about many pictures while nobody else waits for an answer."""

    def outputs(pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        import torch

        pieces = [pixels[first : first + PIECE] for first in range(0, len(pixels), PIECE)]
        found = [BROKER.submit_low_priority(partial(classifier.outputs, piece)) for piece in pieces]
        logits, features = zip(*found, strict=True)
        return torch.cat(logits), torch.cat(features)

    return outputs


def of_test_set(classifier: Classifier, *, again: bool = False) -> Survey[tuple[Results, Atlas]]:
    """What a network says of the test pictures, and where they lie for it.

    Args:
        classifier: with its file's digest, under which all is kept.
        again: begin anew where the last survey failed.
    """

    def kept() -> tuple[Results, Atlas] | None:
        from alexnet_demo.inference import full_pass as survey

        return survey.kept(classifier.digest)

    def ask(progress: Survey[tuple[Results, Atlas]]) -> tuple[Results, Atlas]:
        from alexnet_demo.inference import full_pass as survey

        return survey.of_test_set(classifier, progress.tell, _unhurried(classifier))

    new: Survey[tuple[Results, Atlas]] = Survey(TEST_SAMPLES)
    return _office().survey((classifier.digest, "test"), new, kept, ask, again)


def of_training_set(
    classifier: Classifier, places: Atlas, *, again: bool = False
) -> Survey[np.ndarray]:
    """Where the training pictures lie for a network, float (60000, D); see `of_test_set`."""

    def kept() -> np.ndarray | None:
        from alexnet_demo.inference import embedding

        return embedding.read_training(classifier.digest)

    def ask(progress: Survey[np.ndarray]) -> np.ndarray:
        from alexnet_demo.inference import full_pass as survey

        return survey.of_training_set(classifier, places, progress.tell, _unhurried(classifier))

    new: Survey[np.ndarray] = Survey(TRAIN_SAMPLES)
    return _office().survey((classifier.digest, "training"), new, kept, ask, again)


def of_map(digest: str, places: Atlas, *, again: bool = False) -> Drawing[np.ndarray]:
    """The test pictures' places on a map by t-SNE, float32 (10000, 2); see `of_test_set`."""

    def kept() -> np.ndarray | None:
        from alexnet_demo.inference import embedding

        return embedding.read_map(digest)

    def ask(progress: Drawing[np.ndarray]) -> np.ndarray:
        from alexnet_demo.inference import embedding, tsne

        progress.expect(tsne.expected_seconds(places.points))
        points = tsne.embed(places.points)
        with suppress(OSError):
            embedding.keep_map(digest, points)
        return points

    new: Drawing[np.ndarray] = Drawing(TEST_SAMPLES)
    return _office().survey((digest, "map"), new, kept, ask, again)
