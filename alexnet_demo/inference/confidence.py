"""When to trust a prediction: calibrated probabilities and out-of-distribution detection.

A softmax always names a class, often with high confidence. Two things, both fitted on images not
used for training, correct that:

- Temperature scaling divides the logits, so that of the predictions with 80% confidence, 80% are
  correct (Guo et al., "On Calibration of Modern Neural Networks", 2017).
- A score of how much an image looks like clothing, with a threshold that most true clothing
  passes: that of a `guard`, which is fitted to clothing and to other things. Version 0.5 knew
  clothing only, and scored the energy of the logits (Liu et al., "Energy-based
  Out-of-distribution Detection", 2020), the angle between the features of fc7 and the subspace of
  clothing's features (as in Ammar et al., "NECO", 2024), or the mean of both; its files still do.

Works on tensors alone and knows neither the network nor its images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alexnet_demo.inference.guard import Guard, fit_guard, guard_inputs

# SciPy takes a second to import, so `fit_temperature` imports it.

ScoreKind = Literal["energy", "angle", "combined", "guard"]
PASS_RATE = 0.975  # of held-out clothing
CONFIDENCE_THRESHOLD = 0.6
WITH_BASIS = ("angle", "combined")
TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class Outputs:
    """A network's outputs for N images of known classes.

    Attributes:
        logits: float32 (N, 10).
        features: of fc7 after its ReLU, float32 (N, D), 0 or more.
        labels: int64 (N,).
    """

    logits: Tensor
    features: Tensor
    labels: Tensor

    def __getitem__(self, part: slice) -> Outputs:
        return Outputs(self.logits[part], self.features[part], self.labels[part])

    def __add__(self, other: Outputs) -> Outputs:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Outputs(*(torch.cat(pair) for pair in pairs))


# ------------------------------------------------------------------ calibration


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature in `TEMPERATURES` that minimizes the cross-entropy.

    The cross-entropy is convex in 1/T and thus has a single minimum in log T, which is found to
    within 0.001.
    """
    from scipy.optimize import minimize_scalar

    exact = logits.double()
    result = minimize_scalar(
        lambda log_t: float(cross_entropy(exact / math.exp(log_t), labels)),
        bounds=[math.log(t) for t in TEMPERATURES],
        method="bounded",
        options={"xatol": 1e-3},
    )
    return math.exp(result.x)


# ------------------------------------------------------------------ scores of version 0.5


def energy(logits: Tensor) -> Tensor:
    """Negative free energy (N,) of logits (N, 10): higher for familiar images.

    The logsumexp of the logits: Liu et al. 2020, at temperature 1.
    """
    return logits.float().logsumexp(1)


def alignment(features: Tensor, basis: Tensor) -> Tensor:
    """How closely features (N, D) align with a subspace (D, k): −1, orthogonal, to 0, inside; (N,).

    The negative sine of the angle between the two, whatever the length of the features.
    """
    length = features.square().sum(1).clamp(min=1e-12)
    inside = (features @ basis).square().sum(1)
    return -(1 - inside / length).clamp(min=0).sqrt()


# ------------------------------------------------------------------ the fitted model


@dataclass(frozen=True)
class ConfidenceModel:
    """Calibration and out-of-distribution detection for one network, see `fit`.

    The default changes no probabilities and lets every image pass as clothing.

    Attributes:
        temperature: divides the logits before the softmax.
        confidence_threshold: the top probability from which a prediction counts as sure.
        score: which score separates clothing from other images.
        guard: for that score.
        basis: the subspace of clothing's features, for the scores of version 0.5 that need it.
        scales: mean and standard deviation over clothing, of ``energy`` and ``angle``.
        ood_thresholds: by kind of image (``sketch``, ``photo``, ``dataset``), the least score
            that passes as clothing.
        notes: how the model was fitted, for readers of the file.
    """

    temperature: float = 1.0
    confidence_threshold: float = CONFIDENCE_THRESHOLD
    score: ScoreKind = "energy"
    guard: Guard | None = None
    basis: Tensor | None = None
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ood_thresholds: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits (N, 10) → calibrated probabilities float32 (N, 10)."""
        return (logits.float() / self.temperature).softmax(1)

    def ood_score(self, logits: Tensor, features: Tensor) -> Tensor:
        """How much images look like clothing, (N,).

        A guard's score is the logarithm of the odds; the others are in standard deviations from
        the mean of clothing.

        Args:
            logits: (N, 10).
            features: of fc7, (N, D).
        """
        if self.guard is not None:
            return self.guard.score(logits, features)
        parts = {}
        if self.score != "angle":
            parts["energy"] = energy(logits)
        if self.basis is not None:
            parts["angle"] = alignment(features.float(), self.basis)
        for name, values in parts.items():
            mean, std = self.scales.get(name, (0.0, 1.0))
            parts[name] = (values - mean) / std
        return torch.stack(list(parts.values())).mean(0)

    def ood_threshold(self, kind: str) -> float:
        """The least score with which an image of that kind passes as clothing.

        The lowest of all for a kind without a threshold, −∞ where none was fitted.
        """
        lowest = min(self.ood_thresholds.values(), default=-math.inf)
        return self.ood_thresholds.get(kind, lowest)

    # -------------------------------------------------------------- to and from a file

    def to_json(self) -> dict[str, Any]:
        """Everything but `tensors`."""
        return {
            "temperature": self.temperature,
            "level": self.confidence_threshold,
            "score": self.score,
            "scales": {name: list(pair) for name, pair in self.scales.items()},
            "thresholds": dict(self.ood_thresholds),
            "notes": dict(self.notes),
        }

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to store: 263 kB for 4,096 features, none for the energy score."""
        stored = {} if self.basis is None else {"basis": self.basis.half()}
        return stored if self.guard is None else self.guard.tensors()

    @classmethod
    def from_file(
        cls, record: Any, tensors: Mapping[str, Tensor], features: int
    ) -> ConfidenceModel:
        """Restore a model from its `to_json` and `tensors`; the default one without a record.

        Args:
            record: the stored JSON value; None in a file without one.
            tensors: stored with it.
            features: number of units of the network's fc7.

        Raises:
            ValueError: when they are damaged or belong to another network.
        """
        if record is None:
            return cls()
        try:
            model = cls(
                temperature=float(record["temperature"]),
                confidence_threshold=float(record["level"]),
                score=record["score"],
                guard=Guard.from_tensors(tensors) if record["score"] == "guard" else None,
                basis=tensors["basis"].float() if record["score"] in WITH_BASIS else None,
                scales={str(k): (float(m), float(s)) for k, (m, s) in record["scales"].items()},
                ood_thresholds={str(k): float(v) for k, v in record["thresholds"].items()},
                notes=dict(record["notes"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise ValueError("its confidence record is damaged") from error
        if not model._fits(features):
            raise ValueError("its confidence record does not fit the network")
        return model

    def _fits(self, features: int) -> bool:
        """Whether all numbers are usable and the tensors have as many rows as fc7 has units."""
        numbers = [number for pair in self.scales.values() for number in pair]
        numbers += [self.confidence_threshold, *self.ood_thresholds.values()]
        basis, guard = self.basis, self.guard
        return (
            self.score in get_args(ScoreKind)
            and 1e-3 < self.temperature < 1e3
            and all(std > 0 for _, std in self.scales.values())
            and all(map(math.isfinite, numbers))
            and (guard is None or guard.fits(features))
            and (
                basis is None
                or (basis.ndim == 2 and len(basis) == features and bool(basis.isfinite().all()))
            )
        )


def fit(clothing: Mapping[str, Outputs], others: Mapping[str, Outputs]) -> ConfidenceModel:
    """Fit temperature, guard, and thresholds to a network's outputs.

    The temperature is fitted on the dataset's own images. The guard is fitted to half of the
    clothing, and the other half gives the thresholds, which would otherwise be too high.

    Args:
        clothing: by kind of image, ``dataset`` among them; preferably of images not used for
            training, in an order unrelated to their classes.
        others: of things that are no clothing; their labels are not used.
    """
    first, second = ({kind: o[start::2] for kind, o in clothing.items()} for start in (0, 1))
    inputs = (
        torch.cat([guard_inputs(o.logits, o.features) for o in outputs.values()])
        for outputs in (first, others)
    )
    guard, dataset = fit_guard(*inputs), clothing["dataset"]
    thresholds = {
        kind: float(guard.score(o.logits, o.features).quantile(1 - PASS_RATE))
        for kind, o in second.items()
    }
    return ConfidenceModel(
        temperature=fit_temperature(dataset.logits, dataset.labels),
        score="guard",
        guard=guard,
        ood_thresholds=thresholds,
    )
