"""Counting the units of a layer that are not copies of another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from alexnet_demo.network import distinct_units as module
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.distinct_units import (
    COPY_COSINE,
    Closest,
    closest_earlier,
    distinct_units,
)

LAYERS = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]


@pytest.fixture
def model() -> AlexNet:
    torch.manual_seed(0)
    model = AlexNet(width=0.125)
    model.initialize_he()
    return model


def test_random_units_are_distinct(model: AlexNet):
    assert distinct_units(model) == dict.fromkeys(LAYERS, 1.0)


@torch.no_grad()
def test_of_several_copies_one_counts(model: AlexNet):
    conv1, fc6 = (model.get_parameter(f"net.{name}.weight") for name in ("conv1", "fc6"))
    conv1[8:] = conv1[3]  # of 12 filters
    fc6[256:] = 2 * fc6[:256]  # a larger copy responds to the same pattern
    model.get_parameter("net.fc6.bias")[256:] += 1
    shares = distinct_units(model)
    assert shares["conv1"] == pytest.approx(8 / 12)
    assert shares["fc6"] == 0.5
    assert {shares[name] for name in LAYERS if name not in ("conv1", "fc6")} == {1.0}


def test_steps_run_elsewhere_and_find_copies_in_other_blocks(
    model: AlexNet, monkeypatch: pytest.MonkeyPatch
):
    with torch.no_grad():
        fc7 = model.get_parameter("net.fc7.weight")
        fc7[300] = fc7[10]
    weight = model.get_parameter("net.fc7.weight")
    expected = closest_earlier(weight)
    assert expected[0][300] == pytest.approx(1) and expected[1][300] == 10
    assert distinct_units(model)["fc7"] == 511 / 512
    monkeypatch.setattr(module, "BLOCK", 200)
    steps: list[Closest] = []

    def run(step: Callable[[], Closest]) -> Closest:
        steps.append(step())
        return steps[-1]

    for own, whole in zip(closest_earlier(weight, run), expected, strict=True):
        torch.testing.assert_close(own, whole)
    assert [len(cosines) for cosines, _ in steps] == [200, 200, 112]
    # A thread has gradients on by default.
    assert not any(cosines.requires_grad for cosines, _ in steps)


@torch.no_grad()
@pytest.mark.parametrize(
    ("cosine", "distinct"), [(COPY_COSINE - 0.01, 1.0), (COPY_COSINE + 0.01, 0.5)]
)
def test_nearly_equal_units_are_copies_and_opposite_ones_are_not(
    model: AlexNet, cosine: float, distinct: float
):
    weight = torch.linalg.qr(torch.randn(512, 512))[0]  # orthogonal rows
    weight[256:] = cosine * weight[:256] + (1 - cosine**2) ** 0.5 * weight[256:]
    model.get_parameter("net.fc7.weight").copy_(weight)
    assert distinct_units(model)["fc7"] == distinct
    weight[256:] = -weight[:256]
    model.get_parameter("net.fc7.weight").copy_(weight)
    assert distinct_units(model)["fc7"] == 1.0
