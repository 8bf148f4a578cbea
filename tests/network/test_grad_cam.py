"""Grad-CAM: against an implementation with hooks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.grad_cam import grad_cam
from alexnet_demo.network.input import to_input
from tests.support.fake_cuda import CUDA, fake_cuda


@pytest.fixture(scope="module")
def model() -> AlexNet:
    torch.manual_seed(0)
    return AlexNet(width=0.125).eval()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)


def test_equals_an_implementation_with_hooks(model: AlexNet, pixels: np.ndarray) -> None:
    """On the whole network at once, with hooks on its ReLU, one image at a time."""
    classes = torch.tensor([2, 0, 7])
    heat = grad_cam(model, pixels, classes)
    assert heat.shape == (3, 12, 12)
    assert heat.dtype == np.float32
    for own, image, label in zip(heat, pixels, classes.tolist(), strict=True):
        outputs: dict[str, torch.Tensor] = {}

        def keep(_: object, __: object, output: torch.Tensor, outputs: dict = outputs) -> None:
            output.retain_grad()
            outputs["maps"] = output

        handle = model.net.get_submodule("relu5").register_forward_hook(keep)
        logits = model(to_input(torch.from_numpy(image)[None]))
        handle.remove()
        logits[0, label].backward()
        maps = outputs["maps"]
        assert maps.grad is not None
        weights = maps.grad[0].mean((1, 2))
        expected = sum(w * m for w, m in zip(weights, maps[0].detach(), strict=True)).clamp(min=0)
        expected /= expected.max().clamp(min=1e-12)
        torch.testing.assert_close(torch.from_numpy(own), expected)
        model.zero_grad()


def test_the_network_is_not_changed(model: AlexNet, pixels: np.ndarray) -> None:
    before = {name: t.clone() for name, t in model.state_dict().items()}
    grad_cam(model, pixels, torch.zeros(3, dtype=torch.long))
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_works_inside_no_grad_and_for_drawings(model: AlexNet) -> None:
    drawing = np.zeros((1, 56, 56), np.uint8)
    drawing[:, 10:40, 10:40] = 255
    with torch.no_grad():
        heat = grad_cam(model, drawing, torch.tensor([4]))
    assert 0 <= heat.min() <= heat.max() <= 1


def test_runs_on_a_gpu(pixels: np.ndarray) -> None:
    with fake_cuda():
        model = AlexNet(width=0.125).to(CUDA).eval()
        heat = grad_cam(model, pixels, torch.tensor([2, 0, 7]))
    assert heat.shape == (3, 12, 12)
