"""Merging copies of units: the function stays, and the freed units are new ones."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.distinct_units import distinct_units
from alexnet_demo.network.duplicates import halve, renew_duplicates
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
