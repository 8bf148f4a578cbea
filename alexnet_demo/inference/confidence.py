"""When to trust a prediction: calibrated probabilities and out-of-distribution detection.

A softmax always names a class, often with high confidence. Two things, both fitted on images not
used for training, correct that:

- Temperature scaling divides the logits, so that of the predictions with 80% confidence, 80% are
  correct (Guo et al., "On Calibration of Modern Neural Networks", 2017).
- A score of how much an image resembles clothing, with a threshold that 95% of true clothing
  passes. By default it is the mean of two: the energy of the logits (Liu et al., "Energy-based
  Out-of-distribution Detection", 2020), and the angle between the features of fc7 and the subspace
  of clothing's features (as in Ammar et al., "NECO", 2024). Mahalanobis distances (Lee et al.,
  2018) worked less well: other images have small features, close to the mean of all classes.

Works on tensors alone and knows neither the network nor its images.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

# SciPy and scikit-learn take a second to import, so the functions that fit import them.

ScoreKind = Literal["energy", "angle", "combined"]
SCORES = get_args(ScoreKind)
DIMENSIONS = 32  # of the subspace of clothing, out of 4,096
PASS_RATE = 0.95  # of true clothing
CONFIDENCE_THRESHOLD = 0.6
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


# ------------------------------------------------------------------ out-of-distribution scores


def energy(logits: Tensor) -> Tensor:
    """Negative free energy (N,) of logits (N, 10): higher for familiar images.

    The logsumexp of the logits: Liu et al. 2020, at temperature 1.
    """
    return logits.float().logsumexp(1)


def subspace(features: Tensor) -> Tensor:
    """The main directions of features (N, D): (D, k), orthonormal columns.

    The first `DIMENSIONS` singular vectors, rounded to float16 as they are stored.
    """
    from sklearn.decomposition import TruncatedSVD

    count = min(DIMENSIONS, *features.shape)
    svd = TruncatedSVD(count, n_iter=4, random_state=0).fit(features.numpy())
    return torch.from_numpy(svd.components_.T).half().float()


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
        basis: the subspace of clothing's features, for the scores that need it.
        scales: mean and standard deviation over clothing, of ``energy`` and ``angle``.
        ood_thresholds: by kind of image (``sketch``, ``photo``, ``dataset``), the least score
            that passes as clothing.
        notes: how the model was fitted, for readers of the file.
    """

    temperature: float = 1.0
    confidence_threshold: float = CONFIDENCE_THRESHOLD
    score: ScoreKind = "energy"
    basis: Tensor | None = None
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ood_thresholds: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits (N, 10) → calibrated probabilities float32 (N, 10)."""
        return (logits.float() / self.temperature).softmax(1)

    def ood_score(self, logits: Tensor, features: Tensor) -> Tensor:
        """How much images resemble clothing, (N,), in standard deviations from its mean.

        The combined score is the mean of the two others.

        Args:
            logits: (N, 10).
            features: of fc7, (N, D).
        """
        parts = {}
        if self.score != "angle":
            parts["energy"] = energy(logits)
        if self.score != "energy" and self.basis is not None:
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
        """The tensors to store: 262 kB for 4,096 features, none for the energy score."""
        return {} if self.basis is None else {"basis": self.basis.half()}

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
                basis=tensors["basis"].float() if tensors else None,
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
        """Whether all numbers are usable and the basis has as many rows as fc7 has units."""
        numbers = [number for pair in self.scales.values() for number in pair]
        numbers += [self.confidence_threshold, *self.ood_thresholds.values()]
        basis = self.basis
        return (
            self.score in SCORES
            and 1e-3 < self.temperature < 1e3
            and all(std > 0 for _, std in self.scales.values())
            and all(map(math.isfinite, numbers))
            and (
                self.score == "energy"
                if basis is None
                else basis.ndim == 2 and len(basis) == features and bool(basis.isfinite().all())
            )
        )


def fit(outputs: Mapping[str, Outputs], score: ScoreKind = "combined") -> ConfidenceModel:
    """Fit temperature, subspace, and thresholds to a network's outputs for clothing.

    The temperature is fitted on the dataset's own images. Half of all images determine the
    subspace, and the other half the thresholds, which would otherwise be too high.

    Args:
        outputs: by kind of image, ``dataset`` among them; preferably of images not used for
            training, in an order unrelated to their classes.
        score: which one the thresholds are for.
    """
    first, second = ({kind: o[start::2] for kind, o in outputs.items()} for start in (0, 1))
    basis = subspace(torch.cat([o.features for o in first.values()]))
    scores = {
        "energy": torch.cat([energy(o.logits) for o in second.values()]),
        "angle": torch.cat([alignment(o.features, basis) for o in second.values()]),
    }
    dataset = outputs["dataset"]
    model = ConfidenceModel(
        temperature=fit_temperature(dataset.logits, dataset.labels),
        score=score,
        basis=None if score == "energy" else basis,
        scales={name: (float(v.mean()), float(v.std()) or 1.0) for name, v in scores.items()},
    )
    thresholds = {
        kind: float(model.ood_score(o.logits, o.features).quantile(1 - PASS_RATE))
        for kind, o in second.items()
    }
    return replace(model, ood_thresholds=thresholds)
