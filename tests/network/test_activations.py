"""Activations and single units: against hooks, a naive convolution, and torch's own layers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from alexnet_demo.data.splits import load_split
from alexnet_demo.network import activations
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return load_split(train=False).images[0].numpy()


@pytest.fixture(scope="module")
def outputs(tiny_model: AlexNet, pixels: np.ndarray) -> dict[str, Tensor]:
    return activations.activations(tiny_model, pixels)


def test_every_output_is_what_a_hook_gets(
    tiny_model: AlexNet, pixels: np.ndarray, outputs: dict[str, Tensor]
):
    hooked: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_hook(
            lambda _m, _i, output, name=name: hooked.update({name: output.clone()})
        )
        for name, layer in tiny_model.net.named_children()
    ]
    with torch.no_grad():
        tiny_model(to_input(torch.from_numpy(pixels)[None]))
    for hook in hooks:
        hook.remove()
    assert list(outputs) == ["input", *hooked]
    for name, output in hooked.items():
        torch.testing.assert_close(outputs[name], output[0])


def layer_and_input(
    model: AlexNet, outputs: dict[str, Tensor], name: str
) -> tuple[nn.Module, Tensor]:
    names = list(outputs)
    return model.net.get_submodule(name), outputs[names[names.index(name) - 1]]


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv3", "conv5"])
def test_a_unit_of_a_convolution_is_the_sum_of_its_products(
    tiny_model: AlexNet, outputs: dict[str, Tensor], name: str
):
    layer, before = layer_and_input(tiny_model, outputs, name)
    assert isinstance(layer, nn.Conv2d)
    channels, height, width = outputs[name].shape
    weight, size, stride = layer.weight.detach(), layer.kernel_size[0], layer.stride[0]
    for channel, row, column in (
        (0, 0, 0),
        (channels - 1, height - 1, width - 1),
        (1, 3, width // 2),
    ):
        unit = activations.conv_unit(layer, before, channel, row, column)
        naive = unit.bias
        for i, y, x in product(range(len(before)), range(size), range(size)):
            at_y = row * stride + y - int(layer.padding[0])
            at_x = column * stride + x - int(layer.padding[0])
            if 0 <= at_y < before.shape[1] and 0 <= at_x < before.shape[2]:
                naive += float(before[i, at_y, at_x]) * float(weight[channel, i, y, x])
        assert unit.total == pytest.approx(naive, abs=1e-6)
        assert unit.total == pytest.approx(float(outputs[name][channel, row, column]), abs=1e-5)
        assert float(unit.channel_sums.sum()) + unit.bias == pytest.approx(unit.total, abs=1e-5)


@pytest.mark.parametrize("name", ["pool1", "pool2", "pool5"])
def test_a_pool_unit_is_the_maximum_of_its_window(
    tiny_model: AlexNet, outputs: dict[str, Tensor], name: str
):
    layer, before = layer_and_input(tiny_model, outputs, name)
    assert isinstance(layer, nn.MaxPool2d)
    side = outputs[name].shape[-1]
    for row, column in ((0, 0), (side - 1, side - 1), (1, 2)):
        window = activations.pool_window(layer, before, 2, row, column)
        assert window.shape == (3, 3)
        assert float(window.max()) == float(outputs[name][2, row, column])


def test_the_strongest_channels_come_first():
    maps = torch.zeros(3, 4, 4)
    maps[1] += 2.0
    maps[2, 0, 0] = 5.0
    maps[0] -= 9.0  # negative values do not count
    assert activations.strongest(maps).tolist() == [1, 2, 0]
    assert activations.strongest(torch.tensor([1.0, 3.0, 2.0])).tolist() == [1, 2, 0]


def test_stats_are_those_of_numpy():
    values = torch.randn(5_000, generator=torch.Generator().manual_seed(0)).relu()
    stats, array = activations.tensor_stats(values.view(50, 100)), values.numpy()
    counts, edges = np.histogram(array, activations.HISTOGRAM_BINS)
    assert stats.mean == pytest.approx(array.mean(), rel=1e-5)
    assert stats.std == pytest.approx(array.std(), rel=1e-5)
    assert (stats.minimum, stats.maximum) == (array.min(), array.max())
    assert stats.zeros == pytest.approx((array == 0).mean())
    assert np.abs(stats.counts - counts).sum() <= 4  # values on an edge may fall to either side
    np.testing.assert_allclose(stats.edges, edges, atol=1e-5)


def test_equal_values_have_stats_too():
    stats = activations.tensor_stats(torch.full((10,), 2.0))
    assert stats.std == 0
    assert stats.counts.sum() == 10
