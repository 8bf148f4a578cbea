"""What goes on inside: against hooks, a naive convolution and torch's own layers."""

from __future__ import annotations

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
def seen(tiny_model: AlexNet, pixels: np.ndarray) -> dict[str, Tensor]:
    return activations.activations(tiny_model, pixels)


def test_every_output_is_what_a_hook_sees(
    tiny_model: AlexNet, pixels: np.ndarray, seen: dict[str, Tensor]
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
    assert list(seen) == ["input", *hooked]
    for name, output in hooked.items():
        torch.testing.assert_close(seen[name], output[0])


def layer_and_input(model: AlexNet, seen: dict[str, Tensor], name: str) -> tuple[nn.Module, Tensor]:
    names = list(seen)
    return model.net.get_submodule(name), seen[names[names.index(name) - 1]]


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv3", "conv5"])
def test_a_unit_of_a_convolution_is_the_sum_of_its_products(
    tiny_model: AlexNet, seen: dict[str, Tensor], name: str
):
    layer, before = layer_and_input(tiny_model, seen, name)
    assert isinstance(layer, nn.Conv2d)
    channels, height, width = seen[name].shape
    for channel, row, column in (
        (0, 0, 0),
        (channels - 1, height - 1, width - 1),
        (1, 3, width // 2),
    ):
        unit = activations.conv_unit(layer, before, channel, row, column)
        naive = unit.bias
        (size, _), (stride, _) = layer.kernel_size, layer.stride
        for i in range(before.shape[0]):
            for y in range(size):
                for x in range(size):
                    at_y = row * stride + y - int(layer.padding[0])
                    at_x = column * stride + x - int(layer.padding[0])
                    if 0 <= at_y < before.shape[1] and 0 <= at_x < before.shape[2]:
                        value = float(before[i, at_y, at_x])
                        naive += value * float(layer.weight[channel, i, y, x])
        assert unit.total == pytest.approx(naive, abs=1e-6)
        assert unit.total == pytest.approx(float(seen[name][channel, row, column]), abs=1e-5)
        assert float(unit.channel_sums.sum()) + unit.bias == pytest.approx(unit.total, abs=1e-5)


@pytest.mark.parametrize("name", ["pool1", "pool2", "pool5"])
def test_a_pool_keeps_the_greatest_of_its_window(
    tiny_model: AlexNet, seen: dict[str, Tensor], name: str
):
    layer, before = layer_and_input(tiny_model, seen, name)
    assert isinstance(layer, nn.MaxPool2d)
    side = seen[name].shape[-1]
    for row, column in ((0, 0), (side - 1, side - 1), (1, 2)):
        window = activations.pool_window(layer, before, 2, row, column)
        assert window.shape == (3, 3)
        assert float(window.max()) == float(seen[name][2, row, column])


def test_the_strongest_come_first():
    maps = torch.zeros(3, 4, 4)
    maps[1] += 2.0
    maps[2, 0, 0] = 5.0
    maps[0] -= 9.0  # what is below 0 does not count
    assert activations.strongest(maps).tolist() == [1, 2, 0]
    assert activations.strongest(torch.tensor([1.0, 3.0, 2.0])).tolist() == [1, 2, 0]


def test_spread_is_that_of_numpy():
    values = torch.randn(5_000, generator=torch.Generator().manual_seed(0)).relu()
    found, array = activations.tensor_stats(values.view(50, 100)), values.numpy()
    counts, edges = np.histogram(array, activations.HISTOGRAM_BINS)
    assert found.mean == pytest.approx(array.mean(), rel=1e-5)
    assert found.std == pytest.approx(array.std(), rel=1e-5)
    assert (found.minimum, found.maximum) == (array.min(), array.max())
    assert found.zeros == pytest.approx((array == 0).mean())
    assert np.abs(found.counts - counts).sum() <= 4  # values on an edge may fall to either side
    np.testing.assert_allclose(found.edges, edges, atol=1e-5)


def test_equal_values_have_a_spread_too():
    found = activations.tensor_stats(torch.full((10,), 2.0))
    assert found.std == 0
    assert found.counts.sum() == 10
