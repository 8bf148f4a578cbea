"""FGSM: the direction, its bounds, and its effect on a trained network."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.classifier import Classifier
from alexnet_demo.network.adversarial import gradient_sign, push
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.runs.run import Run
from tests.support.fake_cuda import CUDA, fake_cuda

SIZES = (0, 1, 4, 16)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)


def test_signs_are_those_of_finite_differences(tiny_model: AlexNet, pixels: np.ndarray) -> None:
    signs, label = gradient_sign(tiny_model, pixels, 3), torch.tensor([3])
    assert signs.shape == (28, 28) and set(np.unique(signs)) <= {-1, 0, 1}
    assert all(parameter.grad is None for parameter in tiny_model.parameters())
    exact = copy.deepcopy(tiny_model).double()
    enlarged = to_input(torch.from_numpy(pixels)[None]).double()
    for row, column in ((3, 4), (14, 14), (20, 9)):
        one = torch.zeros(1, 28, 28)
        one[0, row, column] = 0.01
        losses = [
            cross_entropy(exact(enlarged + sign * to_input(one).double()), label).item()
            for sign in (1, -1)
        ]
        assert np.sign(losses[0] - losses[1]) == signs[row, column]


def test_a_push_stays_within_its_size_and_the_range_of_pixels(pixels: np.ndarray) -> None:
    direction = np.random.default_rng(1).choice((-1, 0, 1), pixels.shape)
    images = push(pixels, direction, SIZES)
    assert images.shape == (len(SIZES), 28, 28) and images.dtype == np.uint8
    np.testing.assert_array_equal(images[0], pixels)
    changes = images.astype(int) - pixels
    for size, change in zip(SIZES, changes, strict=True):
        assert np.abs(change).max() == size
        assert (change * direction >= 0).all(), "no value wraps around"


def test_a_push_lowers_the_predicted_class_more_than_a_random_one(trained_run: Run) -> None:
    classifier = Classifier.load(trained_run.best)
    images = load_split(train=False).images[:8].numpy()
    random = np.random.default_rng(0)
    for pixels in images:
        before = classifier.probabilities(pixels[None])[0]
        label = int(before.argmax())
        directions = (
            gradient_sign(classifier.model, pixels, label),
            random.choice((-1, 1), (28, 28)),
        )
        pushed, noisy = (
            classifier.probabilities(push(pixels, direction, [8]))[0, label]
            for direction in directions
        )
        assert pushed < before[label]
        assert pushed < noisy


def test_works_inside_no_grad_for_drawings_and_on_a_gpu(tiny_model: AlexNet) -> None:
    drawing = np.zeros((56, 56), np.uint8)
    drawing[10:40, 10:40] = 255
    with torch.no_grad():
        assert gradient_sign(tiny_model, drawing, 0).any()
    with fake_cuda():
        model = AlexNet(width=0.0625).to(CUDA).eval()
        assert gradient_sign(model, drawing, 0).shape == (56, 56)
