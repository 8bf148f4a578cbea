"""What comes with the included model is what it computes, from the weights that are here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet_demo.common.files import sha256
from alexnet_demo.data.splits import load_split
from alexnet_demo.inference import cache, channel_tops, embedding, full_pass, predictions
from alexnet_demo.inference import classifier as classifiers
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.inference.embedding import NEIGHBORS, Embedding
from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from tools import included_results

WEIGHTS = paths.ROOT / "weights" / paths.SHIPPED_WEIGHTS
TOLERANCE = 0.002  # of a probability, for other processors
CHANNELS = {"conv1": 96, "conv2": 256, "conv3": 384, "conv4": 384, "conv5": 256}
CLOSE = 0.01  # between two probabilities whose order may change then


@pytest.fixture(scope="module")
def digest() -> str:
    return sha256(WEIGHTS)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """In float32, as the results were computed: bfloat16 differs by up to 0.03."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifiers, "choose_precision", lambda *_: "fp32")
        return Classifier.load_with_digest(WEIGHTS)


@pytest.fixture
def included(digest: str, runs_dir: Path) -> tuple[Results, Embedding]:
    """The included results; with no runs, nothing else is cached."""
    results, places = predictions.load(digest), embedding.load(digest)
    assert results and places, "run python tools/included_results.py after replacing the weights"
    return results, places


def compare(included: Results, computed: np.ndarray) -> None:
    """Compare probabilities (N, 10) with those of the first N images."""
    own = included.probabilities[: len(computed)]
    assert np.abs(own - computed).max() < TOLERANCE
    first, second = np.sort(computed)[:, :-3:-1].T
    clear = first - second > CLOSE
    np.testing.assert_array_equal(own.argmax(1)[clear], computed.argmax(1)[clear])


def test_every_view_opens_at_once_in_a_fresh_clone(
    included: tuple[Results, Embedding], digest: str
) -> None:
    results, places = included
    np.testing.assert_array_equal(results.labels, load_split(train=False).labels)
    np.testing.assert_allclose(results.probabilities.sum(1), 1, atol=1e-5)
    tsne, neighbors = embedding.load_tsne(digest), embedding.load_neighbors(digest)
    assert tsne is not None and neighbors is not None
    assert places.points.shape == tsne.shape == (TEST_SAMPLES, 2)
    assert neighbors.shape == (TEST_SAMPLES, NEIGHBORS) and neighbors.max() < TRAIN_SAMPLES
    tops = channel_tops.load(digest)
    assert tops is not None
    assert {n: len(record.images) for n, record in tops.items()} == CHANNELS
    assert all(record.images.max() < record.searched <= TEST_SAMPLES for record in tops.values())
    # Images that the model takes for the same class lie together, and so do their neighbors.
    predicted, labels = results.predicted, load_split(train=True).labels.numpy()
    nearest = embedding.NearestNeighbors(tsne, 2)
    nearest.add(tsne)
    assert (predicted[nearest.indices()[:, 1]] == predicted).mean() > 0.9
    assert (labels[neighbors[:, 0]] == predicted).mean() > 0.85
    assert cache.included_path().stat().st_size < 1_000_000


def test_a_sample_computed_anew_agrees(
    included: tuple[Results, Embedding], classifier: Classifier
) -> None:
    results, places = included
    logits, features = classifier.outputs(load_split(train=False).images[:32].numpy())
    compare(results, classifier.confidence.probabilities(logits).numpy())
    spread = places.points.std(0)
    assert (np.abs(places.project(features) - places.points[:32]) < 0.05 * spread).all()


def test_the_nearest_training_images_are_nearer_than_others(
    included: tuple[Results, Embedding], classifier: Classifier
) -> None:
    neighbors = embedding.load_neighbors(classifier.digest)
    assert neighbors is not None
    train, tests = load_split(train=True).images, load_split(train=False).images[:3]
    own = train[torch.from_numpy(neighbors[:3, [0, -1]].astype(np.int64)).flatten()]
    images = torch.cat([tests, own, train[:40]]).numpy()
    _, features = classifier.outputs(images)
    distances = torch.cdist(features[:3], features[3:]).numpy()
    for number, row in enumerate(distances):
        assert row[2 * number : 2 * number + 2].max() < np.quantile(row[6:], 0.1)


def test_the_file_holds_what_the_passes_computed(
    tiny_weights: Path, runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in full_pass, included_results:
        monkeypatch.setattr(module, "load_split", lambda train: load_split(train=train).head(300))
    monkeypatch.setattr(embedding, "tsne", lambda points: points[:, 1::-1])
    monkeypatch.setattr(paths, "WEIGHTS_DIR", tmp_path)
    classifier = Classifier.load_with_digest(tiny_weights)
    included_results.write(classifier, cache.included_path())
    computed = full_pass.load(classifier.digest)
    for file in runs_dir.rglob("*.safetensors"):
        file.unlink()
    loaded = full_pass.load(classifier.digest)
    assert computed and loaded and loaded[1] and loaded[1].points.shape == (300, 2)
    np.testing.assert_array_equal(computed[0].probabilities, loaded[0].probabilities)
    tsne, neighbors = (
        load(classifier.digest) for load in (embedding.load_tsne, embedding.load_neighbors)
    )
    assert tsne is not None and neighbors is not None and neighbors.shape == (300, NEIGHBORS)
    np.testing.assert_array_equal(tsne, loaded[1].points[:, ::-1])
    tops = channel_tops.load(classifier.digest)
    assert tops is not None and tops["conv5"].searched == 300
    assert channel_tops.load("0" * 64) is None  # for other weights


@pytest.mark.slow
def test_all_predictions_computed_anew_agree(
    included: tuple[Results, Embedding], classifier: Classifier
) -> None:
    results, places = included
    again, own = full_pass.predict_test_set(classifier)
    compare(results, again.probabilities)
    assert abs(results.accuracy - again.accuracy) < 0.001
    np.testing.assert_allclose(places.variance, own.variance[:2], rtol=0.02)
