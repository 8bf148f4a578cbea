"""Widening: the same function, and copies that learn different things."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.net2net import widen


def narrow(norm: bool = False) -> AlexNet:
    torch.manual_seed(0)
    return AlexNet(width=0.0625, norm=norm).eval()


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("factor", [2, 4])
@torch.no_grad()
def test_the_wider_network_gives_the_same_logits(factor: int, norm: bool):
    model, x = narrow(norm), torch.rand(3, 1, 224, 224)
    if norm:
        model.train()(x)  # moves the statistics
        model.eval()
    wide = widen(model, factor, torch.Generator().manual_seed(1))
    assert wide.width == 0.0625 * factor
    assert not wide.training
    assert count_parameters(wide) == count_parameters(AlexNet(width=0.0625 * factor, norm=norm))
    torch.testing.assert_close(wide(x), model(x), rtol=1e-4, atol=1e-5)


def test_copies_learn_different_things():
    wide = widen(narrow(), 2, torch.Generator().manual_seed(1))
    cross_entropy(wide(torch.rand(4, 1, 224, 224)), torch.arange(4)).backward()
    for name, parameter in wide.named_parameters():
        if "fc8" in name:
            continue
        assert parameter.grad is not None
        first, second = parameter.grad.chunk(2)
        assert torch.equal(*parameter.detach().chunk(2)), name
        assert not torch.allclose(first, second, rtol=1e-2, atol=0), name


def test_the_same_generator_gives_the_same_network():
    pair = [widen(narrow(), 2, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    weights = [model.get_parameter("net.fc6.weight") for model in pair]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_width_without_a_whole_multiple_is_refused():
    with pytest.raises(ValueError, match="no whole multiple"):
        widen(AlexNet(width=0.07), 2, torch.Generator())
