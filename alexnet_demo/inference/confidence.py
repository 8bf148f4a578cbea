"""When to believe the network: calibrated probabilities, and whether a picture shows clothing.

A softmax always names a class, and rather loudly, whatever it is shown. Two things mend that, both
fitted on pictures that the training held back:

- a temperature that divides the logits, so that answers given with 80 % are right in 80 % of the
  cases (Guo et al., "On Calibration of Modern Neural Networks", 2017);
- a score of how much a picture is like clothing, with a threshold that keeps 95 % of true clothing.
  It is the mean of two: the energy of the logits (Liu et al., "Energy-based Out-of-distribution
  Detection", 2020), and the angle between the features of fc7 and the few directions in which
  those of clothing lie (as in Ammar et al., "NECO", 2024). Mahalanobis distances to the classes
  (Lee et al., 2018) were tried and left out: what is no clothing gives small features, and these
  lie near the middle of all.

Works on tensors alone: it knows neither the network nor its pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alexnet_demo.inference.predictions import Results
from alexnet_demo.settings.article import CALIBRATION_BINS

ScoreKind = Literal["energy", "angle", "combined"]
SCORES = get_args(ScoreKind)
DIMENSIONS = 32  # of the features of clothing, out of 4,096
KEPT = 0.95
CONFIDENCE_THRESHOLD = 0.6


@dataclass(frozen=True)
class Outputs:
    """What the network said of N pictures whose classes are known.

    Attributes:
        logits: float32 (N, 10).
        features: of fc7 after its ReLU, float32 (N, D), 0 or more.
        labels: int64 (N,).
    """

    logits: Tensor
    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: slice) -> Outputs:
        return Outputs(self.logits[chosen], self.features[chosen], self.labels[chosen])


# ------------------------------------------------------------------ calibration


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature whose division gives these labels the least cross-entropy, 0.05 to 20.

    The cross-entropy is convex in 1/T and so has one valley in log T, which a golden-section
    search finds to a thousandth.
    """
    exact, ratio = logits.double(), (math.sqrt(5) - 1) / 2

    def loss(log_t: float) -> float:
        return float(cross_entropy(exact / math.exp(log_t), labels))

    low, high = math.log(0.05), math.log(20.0)
    while high - low > 1e-3:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def calibration_error(probabilities: Tensor, labels: Tensor, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error, 0 to 1: how far top probabilities are from the share of hits.

    See `Results.calibration_error`, which this is for tensors.

    Args:
        probabilities: (N, classes), rows summing to 1; N at least 1.
        labels: int64 (N,).
    """
    return Results(probabilities.numpy(), labels.numpy()).calibration_error(bins)


def auroc(clothing: Tensor, other: Tensor) -> float:
    """Area under the ROC curve of a score, 0 to 1.

    The probability that a random piece of clothing scores higher than a random other picture,
    ties counted half: the Mann-Whitney statistic, from ranks.

    Args:
        clothing: scores (N,), N at least 1.
        other: scores (M,), M at least 1.
    """
    scores, order = torch.cat([clothing, other]).double().sort()
    _, inverse, counts = scores.unique_consecutive(return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    ranks = torch.empty_like(scores)
    ranks[order] = (last - (counts.double() - 1) / 2)[inverse]  # ties share their mean rank
    n, m = len(clothing), len(other)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


# ------------------------------------------------------------------ like clothing or not


def energy(logits: Tensor) -> Tensor:
    """Negative free energy (N,) of logits (N, 10): higher for what the network knows well.

    logsumexp of the logits, Liu et al. 2020 with temperature 1.
    """
    return logits.float().logsumexp(1)


def subspace(features: Tensor) -> Tensor:
    """The directions in which features (N, D) lie mostly: (D, k), orthonormal columns.

    The first `DIMENSIONS` singular vectors, rounded to float16, as they are stored.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        count = min(DIMENSIONS, *features.shape)
        _, _, basis = torch.pca_lowrank(features, q=count, center=False, niter=4)
    return basis.half().float()


def alignment(features: Tensor, basis: Tensor) -> Tensor:
    """How well features (N, D) lie in a subspace (D, k): −1, at right angles, to 0, inside; (N,).

    The negative sine of the angle between the two, whatever the features' length.
    """
    length = features.square().sum(1).clamp(min=1e-12)
    inside = (features @ basis).square().sum(1)
    return -(1 - inside / length).clamp(min=0).sqrt()


# ------------------------------------------------------------------ the record


@dataclass(frozen=True)
class ConfidenceModel:
    """How to read a network's outputs. Made by `fit`; without arguments it changes nothing.

    Attributes:
        temperature: divides the logits before the softmax.
        level: top probability from which an answer is called sure.
        score: which score tells clothing from other pictures.
        basis: the subspace of clothing's features, for the scores that need it.
        scales: mean and standard deviation of energy and angle over clothing.
        thresholds: by kind of picture (``sketch``, ``photo``, ``dataset``), the score below which
            a picture may not be clothing; without any, everything is taken for clothing.
        notes: how it was fitted, for the reader.
    """

    temperature: float = 1.0
    level: float = CONFIDENCE_THRESHOLD
    score: ScoreKind = "energy"
    basis: Tensor | None = None
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits (N, 10) → calibrated probabilities float32 (N, 10)."""
        return (logits.float() / self.temperature).softmax(1)

    def ood_score(self, logits: Tensor, features: Tensor) -> Tensor:
        """How like clothing pictures are, (N,), in standard deviations of true clothing from 0.

        The combined score is the mean of the two others.

        Args:
            logits: (N, 10).
            features: of fc7, (N, D).
        """
        parts = []
        if self.score != "angle":
            parts.append(self._standard("energy", energy(logits)))
        if self.score != "energy" and self.basis is not None:
            parts.append(self._standard("angle", alignment(features.float(), self.basis)))
        return torch.stack(parts).mean(0)

    def threshold(self, kind: str) -> float:
        """The likeness from which a picture of that kind passes for clothing."""
        return self.thresholds.get(kind, min(self.thresholds.values(), default=-math.inf))

    def _standard(self, name: str, values: Tensor) -> Tensor:
        mean, spread = self.scales.get(name, (0.0, 1.0))
        return (values - mean) / spread

    # -------------------------------------------------------------- to and from a file

    def to_json(self) -> dict[str, Any]:
        """All but the tensors, see `tensors`."""
        return {
            "temperature": self.temperature,
            "level": self.level,
            "score": self.score,
            "scales": {name: list(pair) for name, pair in self.scales.items()},
            "thresholds": dict(self.thresholds),
            "notes": dict(self.notes),
        }

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to store beside `to_json`: 262 kB for 4,096 features, none for the energy."""
        return {} if self.basis is None else {"basis": self.basis.half()}

    @classmethod
    def from_file(cls, record: Any, tensors: Mapping[str, Tensor], units: int) -> ConfidenceModel:
        """What `to_json` and `tensors` gave; the plain one where there is no record.

        Args:
            record: the JSON value that was stored; None in a file without one.
            tensors: stored with it.
            units: of the network's fc7.

        Raises:
            ValueError: when they are damaged or belong to another network.
        """
        if record is None:
            return cls()
        try:
            basis = tensors["basis"].float() if tensors else None
            found = cls(
                temperature=float(record["temperature"]),
                level=float(record["level"]),
                score=record["score"],
                basis=basis,
                scales={str(k): (float(m), float(s)) for k, (m, s) in record["scales"].items()},
                thresholds={str(k): float(v) for k, v in record["thresholds"].items()},
                notes=dict(record["notes"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise ValueError("its record of certainty is damaged") from error
        if not found._sound(units):
            raise ValueError("its record of certainty does not fit the network")
        return found

    def _sound(self, units: int) -> bool:
        """Whether all numbers can be used, and the tensors are those of a network's fc7."""
        spreads = [spread for _, spread in self.scales.values()]
        numbers = [*self.thresholds.values(), *(mean for mean, _ in self.scales.values())]
        return (
            self.score in SCORES
            and 1e-3 < self.temperature < 1e3
            and all(spread > 0 for spread in spreads)
            and all(map(math.isfinite, [self.temperature, self.level, *spreads, *numbers]))
            and (self.score == "energy" if self.basis is None else _fits(self.basis, units))
        )


def _fits(basis: Tensor, units: int) -> bool:
    return basis.ndim == 2 and len(basis) == units and bool(basis.isfinite().all())


def fit(outputs: Mapping[str, Outputs], score: ScoreKind = "combined") -> ConfidenceModel:
    """Temperature, feature space and thresholds from what a network said of clothing.

    The temperature is that of the data set's own pictures. Every second picture tells where the
    features of clothing lie and the others set the thresholds, so that these are not too high.

    Args:
        outputs: by kind of picture, ``dataset`` among them; best of pictures held back, in an
            order that has nothing to do with their classes.
        score: which one the thresholds are for.
    """
    known, fresh = ({kind: found[first::2] for kind, found in outputs.items()} for first in (0, 1))
    basis = subspace(torch.cat([found.features for found in known.values()]))
    parts = {
        "energy": torch.cat([energy(found.logits) for found in fresh.values()]),
        "angle": torch.cat([alignment(found.features, basis) for found in fresh.values()]),
    }
    plain = outputs["dataset"]
    certainty = ConfidenceModel(
        temperature=fit_temperature(plain.logits, plain.labels),
        score=score,
        basis=None if score == "energy" else basis,
        scales={name: (float(v.mean()), float(v.std()) or 1.0) for name, v in parts.items()},
    )
    thresholds = {
        kind: float(certainty.ood_score(found.logits, found.features).quantile(1 - KEPT))
        for kind, found in fresh.items()
    }
    return replace(certainty, thresholds=thresholds)
