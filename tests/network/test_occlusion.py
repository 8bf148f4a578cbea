"""Occlusion: on constructed classifiers, and on a trained network."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.network.occlusion import POSITIONS, occlusion, squares
from alexnet_demo.runs.run import Run


def bright_corner(images: np.ndarray) -> np.ndarray:
    """Two classes: the brightness of the upper left quarter, and the rest to 1."""
    side = images.shape[1] // 2
    share = images[:, :side, :side].mean((1, 2)) / 255
    return np.stack([share, 1 - share], axis=1).astype(np.float32)


@pytest.mark.parametrize("side", [28, 56])
def test_squares_reach_every_pixel_and_all_edges(side: int) -> None:
    masks = squares(side)
    assert masks.shape == (POSITIONS**2, side, side)
    assert (masks.sum((1, 2)) == (side // 4) ** 2).all()
    assert masks.any(0).all()


@pytest.mark.parametrize("side", [28, 56])
def test_only_covering_what_a_class_goes_by_costs_it(side: int) -> None:
    drops = occlusion(bright_corner, np.full((side, side), 255, np.uint8))
    assert drops.shape == (2, side, side) and drops.dtype == np.float32
    half, square = side // 2, side // 4
    assert (drops[0, :half, :half] > 0).all()
    assert not drops[0, half + square :].any() and not drops[0, :, half + square :].any()
    np.testing.assert_allclose(drops[1], -drops[0], atol=1e-6)
    # A square inside the quarter takes a quarter of its brightness.
    assert drops.max() == pytest.approx(0.25)


def test_covered_background_is_not_classified_again() -> None:
    batches = []

    def predict(images: np.ndarray) -> np.ndarray:
        batches.append(images)
        return bright_corner(images)

    pixels = np.zeros((28, 28), np.uint8)
    pixels[:3, :3] = 200  # one square covers it
    drops = occlusion(predict, pixels)
    (images,) = batches
    assert len(images) == 2 and {image.sum() for image in images} == {0, 9 * 200}
    assert drops[0, 0, 0] == pytest.approx(9 * 200 / 255 / 14**2)
    assert not drops[:, 7:].any()


def test_a_trained_network_needs_the_garment_and_not_the_background(trained_run: Run) -> None:
    classifier = Classifier.load(trained_run.best)
    images = load_split(train=False).images[:8].numpy()
    labels = classifier.probabilities(images).argmax(1)
    for pixels, label in zip(images, labels, strict=True):
        drop = occlusion(classifier.probabilities, pixels)[label]
        garment = pixels > 0
        assert drop[garment].mean() > drop[~garment].mean()
        assert drop[garment].max() > 0
