"""Merging copies of units: the function stays, and the freed units are new ones."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.distinct_units import (
    COPY_COSINE,
    Closest,
    closest_earlier,
    distinct_units,
    hidden_layers,
)
from alexnet_demo.network.duplicates import halve, merge_copies, renew_duplicates
from tests.support.seeding import generator


@torch.no_grad()
def doubled(narrow: AlexNet) -> AlexNet:
    """Twice as wide by exact copies."""
    wide = AlexNet(width=2 * narrow.width)
    for name, weight in narrow.state_dict().items():
        layer = name.split(".")[1]
        if weight.ndim > 1 and layer != "conv1":
            weight = torch.cat([weight / 2] * 2, 1)
        wide.state_dict()[name].copy_(weight if layer == "fc8" else torch.cat([weight] * 2))
    return wide.eval()


@pytest.fixture
def narrow() -> AlexNet:
    torch.manual_seed(0)
    return AlexNet(width=0.0625).eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(4, 1, 224, 224, generator=generator(1))


@torch.no_grad()
def test_halving_undoes_doubling(narrow: AlexNet, x: torch.Tensor):
    half = halve(doubled(narrow))
    assert half.width == narrow.width
    torch.testing.assert_close(half(x), narrow(x), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_renewed_units_are_distinct_and_change_nothing_yet(narrow: AlexNet, x: torch.Tensor):
    wide = doubled(narrow)
    before = wide(x)
    assert all(share == pytest.approx(0.5, abs=0.1) for share in distinct_units(wide).values())
    renewed = renew_duplicates(wide, generator())
    assert renewed["fc7"] == 256 and set(renewed) == set(distinct_units(wide))
    assert min(distinct_units(wide).values()) > 0.95
    torch.testing.assert_close(wide(x), before, atol=1e-5, rtol=1e-4)


def test_a_renewed_unit_begins_to_learn(narrow: AlexNet, x: torch.Tensor):
    wide = doubled(narrow)
    renew_duplicates(wide, generator())
    wide(x).square().sum().backward()
    gradient = wide.get_parameter("net.fc8.weight").grad
    assert gradient is not None and gradient[:, 256:].any()


def closest(model: AlexNet) -> dict[str, Closest]:
    return {name: closest_earlier(layer.weight) for name, layer in hidden_layers(model).items()}


@torch.no_grad()
def test_merging_undoes_doubling_and_leaves_the_model_as_it_is(narrow: AlexNet, x: torch.Tensor):
    wide = doubled(narrow)
    conv2 = wide.get_parameter("net.conv2.weight")
    conv2[20:] *= 3  # a longer copy responds three times as strongly,
    wide.get_parameter("net.conv2.bias")[20:] *= 3
    wide.get_parameter("net.conv3.weight")[:, 20:] /= 3  # and counts a third
    before = wide(x)
    net = merge_copies(wide.to(memory_format=torch.channels_last), closest(wide), COPY_COSINE)
    torch.testing.assert_close(net(x), narrow(x), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(wide(x), before, atol=1e-5, rtol=1e-4)
    units = {name: len(net.get_parameter(f"{name}.bias")) for name in hidden_layers(wide)}
    assert units == {
        name: round(share * 2 * len(narrow.get_parameter(f"net.{name}.bias")))
        for name, share in distinct_units(wide).items()
    }
    assert count_parameters(net) <= count_parameters(narrow) < count_parameters(wide)


@torch.no_grad()
def test_a_copy_of_a_copy_is_merged_and_a_threshold_above_all_merges_none(
    narrow: AlexNet, x: torch.Tensor
):
    weight, bias = (narrow.get_parameter(f"net.conv2.{name}") for name in ("weight", "bias"))
    outgoing = narrow.get_parameter("net.conv3.weight")
    weight[5], bias[5], weight[9], bias[9] = weight[2], bias[2], 2 * weight[2], 2 * bias[2]
    net = merge_copies(narrow, closest(narrow), 0.99)
    assert len(net.get_parameter("conv2.bias")) == len(bias) - 2
    torch.testing.assert_close(net(x), narrow(x), atol=1e-5, rtol=1e-4)
    expected = outgoing[:, 2] + outgoing[:, 5] + 2 * outgoing[:, 9]
    torch.testing.assert_close(net.get_parameter("conv3.weight")[:, 2], expected)
    whole = merge_copies(narrow, closest(narrow), 1.1)
    assert count_parameters(whole) == count_parameters(narrow)
