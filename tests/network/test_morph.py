"""A morph: its ends are the two images, and the images between lie on a straight line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.network.input import to_input
from alexnet_demo.network.morph import STEPS, morph
from alexnet_demo.runs.run import Run


def drawing() -> np.ndarray:
    pixels = np.zeros((56, 56), np.uint8)
    pixels[8:48, 16:40] = 200
    return pixels


def test_images_lie_on_a_straight_line_between_two_of_any_size() -> None:
    shoe = load_split(train=False).images[0].numpy()
    path = morph(drawing(), shoe)
    assert path.shape == (STEPS, 224, 224) and path.dtype == np.uint8
    for end, image in ((0, drawing()), (-1, shoe)):
        expected = 255 * to_input(torch.from_numpy(image)[None])[0, 0].numpy()
        np.testing.assert_allclose(path[end], expected, atol=0.501)
    middle = (path[0].astype(float) + path[-1]) / 2
    np.testing.assert_allclose(path[STEPS // 2], middle, atol=1.001)


def test_its_ends_are_predicted_as_the_two_images(trained_run: Run) -> None:
    classifier = Classifier.load(trained_run.best)
    first, second = load_split(train=False).images[[1, 7]].numpy()
    ends = classifier.probabilities(morph(first, second)[[0, -1]])
    expected = classifier.probabilities(np.stack([first, second]))
    assert expected.argmax(1).tolist() == ends.argmax(1).tolist()
    assert ends == pytest.approx(expected, abs=0.01)
