"""Whether an image shows clothing at all: a small network on the outputs of a trained one.

A softmax names a class for any image, often with high confidence. The guard is fitted, once the
classifier is trained, to tell the classifier's outputs for clothing from those for other things.
How well it does that for kinds of things that it was not fitted on is what counts, see
``tools/not_clothing.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor

from alexnet_demo.settings.article import CLASSES

# scikit-learn takes a second to import, so `fit_guard` imports it.

HIDDEN = 32  # units; with 128 it does no better on kinds that it was not fitted to
EPOCHS = 6  # with 20, likewise


def guard_inputs(logits: Tensor, features: Tensor) -> Tensor:
    """What a guard sees: logits (N, 10) and features of fc7 (N, D) → float32 (N, D + 10)."""
    return torch.cat([features.float(), logits.float()], 1)


@dataclass(frozen=True)
class Guard:
    """A network with one hidden layer of H units; its output is positive for clothing.

    Attributes:
        hidden: (D + 10, H), weights of the hidden layer.
        hidden_bias: (H,).
        output: (H,), weights of the output.
        output_bias: (1,).
    """

    hidden: Tensor
    hidden_bias: Tensor
    output: Tensor
    output_bias: Tensor

    def score(self, logits: Tensor, features: Tensor) -> Tensor:
        """The logarithm of the odds that images show clothing, (N,).

        Args:
            logits: (N, 10).
            features: of fc7, (N, D).
        """
        hidden = guard_inputs(logits, features) @ self.hidden + self.hidden_bias
        return hidden.relu() @ self.output + self.output_bias

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to store: 263 kB for 4,096 features."""
        return {field.name: getattr(self, field.name).half() for field in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Guard:
        """Restore a guard from its `tensors`.

        Raises:
            KeyError: when one is missing.
        """
        return cls(**{field.name: tensors[field.name].float() for field in fields(cls)})

    def fits(self, features: int) -> bool:
        """Whether its tensors are finite and fit each other and a network with D features."""
        units = tuple(self.output.shape)
        shapes = {
            "hidden": (features + len(CLASSES), *units),
            "hidden_bias": units,
            "output": units,
            "output_bias": (1,),
        }
        tensors = {name: getattr(self, name) for name in shapes}
        return all(
            tuple(tensor.shape) == shapes[name] and bool(tensor.isfinite().all())
            for name, tensor in tensors.items()
        )


def fit_guard(clothing: Tensor, others: Tensor) -> Guard:
    """Fit a guard to `guard_inputs` for clothing (N, D + 10) and for other things (M, D + 10).

    Deterministic. The inputs are standardized, which the hidden layer of the result includes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    inputs = torch.cat([clothing, others])
    mean, std = inputs.mean(0), inputs.std(0)
    std = std.clamp(min=0.1 * float(std.mean()))  # of units that are hardly ever active
    network = MLPClassifier((HIDDEN,), max_iter=EPOCHS, random_state=0)
    is_clothing = [1] * len(clothing) + [0] * len(others)
    with catch_warnings():
        simplefilter("ignore", ConvergenceWarning)  # after so few epochs
        network.fit(((inputs - mean) / std).numpy(), is_clothing)
    hidden, output = map(torch.from_numpy, network.coefs_)
    hidden_bias, output_bias = map(torch.from_numpy, network.intercepts_)
    scaled = hidden / std[:, None]
    parts = scaled, hidden_bias - mean @ scaled, output[:, 0], output_bias
    return Guard(*(part.half().float() for part in parts))  # as they are stored
