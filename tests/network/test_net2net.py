"""Widening: nearly the same function, and copies that differ from each other."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity

from alexnet_demo.data.splits import load_split
from alexnet_demo.network import checkpoint, net2net
from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.distinct_units import distinct_units
from alexnet_demo.network.input import to_input
from alexnet_demo.network.net2net import widen
from alexnet_demo.runs.run import Run


def narrow(norm: bool = False) -> AlexNet:
    torch.manual_seed(0)
    return AlexNet(width=0.0625, norm=norm).eval()


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("factor", [2, 4])
@torch.no_grad()
def test_without_noise_the_wider_network_gives_the_same_logits(
    factor: int, norm: bool, monkeypatch: pytest.MonkeyPatch
):
    model, x = narrow(norm), torch.rand(3, 1, 224, 224)
    if norm:
        model.train()(x)  # moves the statistics
        model.eval()
    for name in ("SPREAD", "CONV1_SPREAD"):
        monkeypatch.setattr(net2net, name, 0.0)
    wide = widen(model, factor, torch.Generator().manual_seed(1))
    assert wide.width == 0.0625 * factor
    assert not wide.training
    assert count_parameters(wide) == count_parameters(AlexNet(width=0.0625 * factor, norm=norm))
    torch.testing.assert_close(wide(x), model(x), rtol=1e-4, atol=1e-5)
    assert max(distinct_units(wide).values()) <= 1 / factor


@pytest.mark.parametrize("factor", [2, 4])
@torch.no_grad()
def test_copies_are_distinct_and_their_mean_is_the_original(factor: int):
    model = narrow()
    wide = widen(model, factor, torch.Generator().manual_seed(1))
    assert distinct_units(wide) == distinct_units(model)
    for name in distinct_units(model):
        weight = wide.get_parameter(f"net.{name}.weight")
        units = weight.chunk(factor)
        old = model.get_parameter(f"net.{name}.weight")
        expected = old if name == "conv1" else torch.cat([old / factor] * factor, 1)
        torch.testing.assert_close(torch.stack(units).mean(0), expected)
        cosines = cosine_similarity(units[0].flatten(1), units[1].flatten(1))
        spread = net2net.CONV1_SPREAD if name == "conv1" else net2net.SPREAD
        cosine = (1 - spread**2 / (factor - 1)) / (1 + spread**2)
        assert cosines.mean() == pytest.approx(cosine, abs=0.05)


@torch.no_grad()
def test_the_wider_network_gives_nearly_the_same_predictions(trained_run: Run):
    model, _ = checkpoint.load_weights(trained_run.best)
    x = to_input(load_split(train=False).images[:200])
    wide = widen(model, 2, torch.Generator().manual_seed(1))
    before, after = model(x).argmax(1), wide(x).argmax(1)
    assert (before == after).float().mean() > 0.9


def test_the_same_generator_gives_the_same_network():
    pair = [widen(narrow(), 2, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    weights = [model.get_parameter("net.fc6.weight") for model in pair]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_width_without_a_whole_multiple_is_refused():
    with pytest.raises(ValueError, match="no whole multiple"):
        widen(AlexNet(width=0.07), 2, torch.Generator())
