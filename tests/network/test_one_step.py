"""One step, phase by phase: equal to training's own step, and to what the records say."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alexnet_demo.data.splits import load_split
from alexnet_demo.network import one_step
from alexnet_demo.network.activations import activations
from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.input import to_input
from alexnet_demo.training.engine import train_step

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


@pytest.fixture(scope="module")
def batch() -> tuple[Tensor, Tensor]:
    split = load_split(train=True).head(4)
    return to_input(split.images), split.labels


@pytest.fixture(scope="module")
def model() -> AlexNet:
    return one_step.initial_network(he=True)


@pytest.fixture(scope="module")
def record(model: AlexNet, batch: tuple[Tensor, Tensor]) -> one_step.Pass:
    return one_step.forward_backward(model, *batch)


def test_the_initial_network_is_always_the_same_and_leaves_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first, second = (one_step.initial_network(he=False) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert count_parameters(first) == 186_326


@pytest.mark.parametrize("lr", [0.01, 1.0])
def test_a_step_is_that_of_training(
    model: AlexNet, batch: tuple[Tensor, Tensor], record: one_step.Pass, lr: float
) -> None:
    trained = copy.deepcopy(model)
    optimizer = torch.optim.SGD(trained.parameters(), lr=lr)
    loss, _ = train_step(trained, optimizer, torch.amp.GradScaler("cpu", enabled=False), *batch)
    updated = one_step.step(model, record.gradients, lr)
    assert record.loss == pytest.approx(float(loss), rel=1e-6)
    for name, weight in updated.named_parameters():
        torch.testing.assert_close(weight, trained.get_parameter(name))
        assert weight.grad is None
    for layer in LAYERS:
        update = one_step.steepest_weight(model, updated, record, layer)
        assert update.after == pytest.approx(update.before - lr * update.gradient, abs=1e-6)
        weight = model.get_parameter(f"net.{layer}.weight")
        assert update.before == float(weight.detach()[update.index])


@pytest.mark.parametrize("layer", ["conv1", "conv5", "fc8"])
def test_gradients_equal_finite_differences(
    model: AlexNet, batch: tuple[Tensor, Tensor], record: one_step.Pass, layer: str
) -> None:
    update = one_step.steepest_weight(model, model, record, layer)
    smaller, larger = one_step.nudged_losses(model, *batch, layer, update.index, 1e-5)
    assert (larger - smaller) / 2e-5 == pytest.approx(update.gradient, rel=0.01)
    assert smaller != larger


def test_records_describe_layers_and_losses(
    model: AlexNet, batch: tuple[Tensor, Tensor], record: one_step.Pass
) -> None:
    assert tuple(layer.name for layer in record.layers) == LAYERS
    assert [layer.shape for layer in record.layers[::7]] == [(6, 54, 54), (10,)]
    pixels = load_split(train=True).images[:1].numpy()
    alone = one_step.forward_backward(model, batch[0][:1], batch[1][:1])
    outputs = activations(model, pixels[0])
    for layer in alone.layers:
        name = "fc8" if layer.name == "fc8" else f"relu{layer.name[-1]}"
        assert layer.mean == pytest.approx(float(outputs[name].mean()), rel=1e-4)
        assert layer.zeros == pytest.approx(float((outputs[name] == 0).float().mean()), abs=1e-3)
    losses = cross_entropy(model(batch[0]), batch[1], reduction="none")
    torch.testing.assert_close(record.losses, losses)
    assert -math.log(float(record.probabilities[0])) == pytest.approx(float(losses[0]), rel=1e-5)
    norms = [g.square().sum() for n, g in record.gradients.items() if n.startswith("net.conv3.")]
    assert record.layers[2].gradient_norm == pytest.approx(float(sum(norms)) ** 0.5)


def test_a_short_step_lowers_the_loss_as_the_gradient_predicts(
    model: AlexNet, batch: tuple[Tensor, Tensor], record: one_step.Pass
) -> None:
    updated = one_step.step(model, record.gradients, 1e-5)
    change = one_step.mean_loss(updated, *batch) - record.loss
    assert change == pytest.approx(record.predicted_change(1e-5), rel=0.05)


def test_a_step_that_is_too_large_gives_no_number_or_a_larger_loss(
    model: AlexNet, batch: tuple[Tensor, Tensor], record: one_step.Pass
) -> None:
    after = one_step.mean_loss(one_step.step(model, record.gradients, 100.0), *batch)
    assert not after < record.loss
