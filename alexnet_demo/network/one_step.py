"""One step of gradient descent on one batch, phase by phase, as records.

A step is the one of training in float32, by plain SGD and with dropout off, so that the loss before
and after it differ by the step alone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from alexnet_demo.network.alexnet import AlexNet, seeded

WIDTH = 1 / 16
"""At which a step on 8 images takes a fraction of a second on one core: 186,326 parameters."""


def initial_network(he: bool, seed: int = 0) -> AlexNet:
    """A narrow network with the same random weights for the same arguments, dropout off.

    Args:
        he: He initialization instead of PyTorch's default.
    """
    return seeded(seed, he=he, width=WIDTH)


@dataclass(frozen=True)
class LayerRecord:
    """A layer with weights in one forward and one backward pass.

    Attributes:
        name: such as ``conv1``.
        shape: of its output for one image.
        mean: of its outputs for the batch, after the ReLU if one follows.
        zeros: the share of these that are exactly 0.
        gradient_norm: of the loss with respect to its weights and biases (Euclidean).
    """

    name: str
    shape: tuple[int, ...]
    mean: float
    zeros: float
    gradient_norm: float


@dataclass(frozen=True, eq=False)
class Pass:
    """A forward and a backward pass.

    Attributes:
        layers: conv1 to fc8.
        probabilities: of each image's true class, float32 (N,).
        losses: of each image, −ln of its probability, float32 (N,).
        gradients: of the mean loss, by parameter.
    """

    layers: tuple[LayerRecord, ...]
    probabilities: Tensor
    losses: Tensor
    gradients: dict[str, Tensor]

    @property
    def loss(self) -> float:
        """The batch's mean loss, of which the gradients are."""
        return float(self.losses.mean())

    def predicted_change(self, lr: float) -> float:
        """By how much a small step would change the loss: −lr · ‖gradient‖², its first order."""
        return -lr * sum(float(g.square().sum()) for g in self.gradients.values())


@torch.enable_grad()
def forward_backward(model: AlexNet, x: Tensor, y: Tensor) -> Pass:
    """Outputs, losses, and gradients for a batch; the model keeps none of them.

    Args:
        x: network inputs (N, 1, 224, 224).
        y: labels (N,).
    """
    outputs: dict[str, Tensor] = {}
    for name, layer in model.net.named_children():
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.Linear):
            latest = name
        elif not name.startswith("relu"):
            continue
        outputs[latest] = x  # with the ReLU's output in place of its input
    losses = cross_entropy(x, y, reduction="none")
    names, parameters = zip(*model.named_parameters(), strict=True)
    gradients = dict(zip(names, torch.autograd.grad(losses.mean(), list(parameters)), strict=True))
    layers = tuple(_record(name, output.detach(), gradients) for name, output in outputs.items())
    losses = losses.detach()
    return Pass(layers, (-losses).exp(), losses, gradients)


def _record(name: str, output: Tensor, gradients: dict[str, Tensor]) -> LayerRecord:
    own = [gradients[f"net.{name}.{part}"].flatten() for part in ("weight", "bias")]
    return LayerRecord(
        name=name,
        shape=tuple(output.shape[1:]),
        mean=float(output.mean()),
        zeros=float((output == 0).float().mean()),
        gradient_norm=float(torch.cat(own).norm()),
    )


def step(model: AlexNet, gradients: dict[str, Tensor], lr: float) -> AlexNet:
    """A copy of a network after one step of plain SGD: each weight w becomes w − lr · ∂L/∂w."""
    updated = copy.deepcopy(model)
    for name, parameter in updated.named_parameters():
        parameter.grad = gradients[name]
    torch.optim.SGD(updated.parameters(), lr=lr).step()
    updated.zero_grad()
    return updated


@torch.no_grad()
def mean_loss(model: AlexNet, x: Tensor, y: Tensor) -> float:
    """The mean loss of a batch, which may be infinite or NaN after too large a step."""
    return float(cross_entropy(model(x), y))


@dataclass(frozen=True)
class WeightUpdate:
    """One weight in a step.

    Attributes:
        index: its place in the layer's weights: output, input, and for a convolution row, column.
        before: its value.
        gradient: of the batch's mean loss.
        after: its value after the step.
    """

    index: tuple[int, ...]
    before: float
    gradient: float
    after: float


def steepest_weight(before: AlexNet, after: AlexNet, record: Pass, layer: str) -> WeightUpdate:
    """The weight of a layer with the largest gradient, before and after a step."""
    name = f"net.{layer}.weight"
    gradient = record.gradients[name]
    flat = int(gradient.abs().argmax())
    index = tuple(int(n) for n in torch.unravel_index(torch.tensor(flat), gradient.shape))
    values = (float(m.get_parameter(name).detach().flatten()[flat]) for m in (before, after))
    return WeightUpdate(index, next(values), float(gradient.flatten()[flat]), next(values))


def nudged_losses(
    model: AlexNet, x: Tensor, y: Tensor, layer: str, index: tuple[int, ...], nudge: float = 1e-3
) -> tuple[float, float]:
    """The batch's loss with one weight a little smaller, and a little larger.

    Their difference, divided by twice the nudge, approximates the gradient without backpropagation.
    Computed in float64, since the two losses are nearly equal.
    """
    exact = copy.deepcopy(model).double()
    weight = exact.get_parameter(f"net.{layer}.weight")
    losses = []
    for change in (-nudge, 2 * nudge):
        with torch.no_grad():
            weight[index] += change
        losses.append(mean_loss(exact, x.double(), y))
    return losses[0], losses[1]
