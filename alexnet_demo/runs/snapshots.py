"""Snapshots of a network during training: records that the trainer writes, and their diagnosis.

A run's ``moments.jsonl`` holds one JSON object per line, written by `training.recorder`:

``step``, ``epoch``  optimizer steps and epochs done, the epoch as a fraction
``width``            the network's width
``accuracy``         on the evaluated images, 0 to 1; null within an epoch
``confusion``        counts, 10 lists of 10: rows are true classes, columns predicted ones; or null
``pins``             by a pin's id: ``probabilities`` (10), and ``heat``, the Grad-CAM map for the
                     most likely class
``filters``          map of conv1's weights (filters, 11, 11): 127.5 is 0, 0 and 255 are ∓ ``most``
``most``             the largest absolute weight of conv1
``layers``           one `LayerState` per layer with weights, in the network's order

A map is ``{"shape": [...], "bytes": base64 of uint8}``.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_demo.common.text import percent
from alexnet_demo.runs.events import Event, follower
from alexnet_demo.settings.article import CLASSES

MAX_DEAD_CHANNELS, MAX_DEAD_UNITS = 0.4, 0.8
"""Reported shares of dead channels (convolutions) and dead units (fully connected layers)."""
MAX_UPDATE_RATIO = 0.05
"""Relative weight change of one step that is reported; 0.001 is usual."""
MIN_PINS = 4
"""Number of pins from which on identical predictions are reported."""


def to_map(values: np.ndarray) -> dict[str, Any]:
    """A uint8 array of any shape as JSON."""
    return {"shape": list(values.shape), "bytes": base64.b64encode(values.tobytes()).decode()}


def _from_map(record: Mapping[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(record["bytes"]), np.uint8).reshape(record["shape"])


@dataclass(frozen=True)
class LayerState:
    """Statistics of a layer with weights, on some of the evaluated images.

    Attributes:
        name: such as ``conv1``.
        mean: mean of its outputs, after the activation if it has one.
        std: standard deviation of these outputs.
        zeros: share of them that is 0.
        dead: share of channels or units that is 0 for all images; None for fc8, without one.
        weight_norm: L2 norm of the weights.
        gradient_norm: L2 norm of the last gradient; None before the first step.
        update_ratio: L2 norm of the last update over that of the weights; None likewise.
    """

    name: str
    mean: float
    std: float
    zeros: float
    dead: float | None
    weight_norm: float
    gradient_norm: float | None = None
    update_ratio: float | None = None


@dataclass(frozen=True, eq=False)
class PinPrediction:
    """The network's prediction for a pinned image.

    Attributes:
        probabilities: of the ten classes, summing to 1.
        heat: Grad-CAM for the most likely class, uint8 (h, w), 255 where the evidence is strongest.
    """

    probabilities: tuple[float, ...]
    heat: np.ndarray

    @property
    def top_class(self) -> int:
        """The most likely class, 0 to 9."""
        return int(np.argmax(self.probabilities))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network at one step of its training; the module describes the fields."""

    step: int
    epoch: float
    width: float
    filters: np.ndarray
    filter_max: float
    pins: Mapping[str, PinPrediction]
    layers: tuple[LayerState, ...]
    accuracy: float | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """The record of ``moments.jsonl``, without ``event`` and ``time``."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "width": self.width,
            "accuracy": self.accuracy,
            "confusion": self.confusion,
            "pins": {
                name: {
                    "probabilities": [round(p, 4) for p in prediction.probabilities],
                    "heat": to_map(prediction.heat),
                }
                for name, prediction in self.pins.items()
            },
            "filters": to_map(self.filters),
            "most": self.filter_max,
            "layers": [asdict(layer) for layer in self.layers],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Snapshot:
        """Read a record.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: when a field is missing or invalid.
        """
        filters = _from_map(record["filters"])
        if filters.ndim != 3:
            raise ValueError(f"filters of shape {filters.shape}, not (filters, height, width)")
        return cls(
            int(record["step"]),
            _number(record["epoch"]),
            _number(record["width"]),
            filters,
            _number(record["most"]),
            {str(name): _prediction(value) for name, value in record["pins"].items()},
            tuple(map(_layer, record["layers"])),
            _optional(record.get("accuracy")),
            _confusion(record.get("confusion")),
        )


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not finite")
    return number


def _optional(value: Any) -> float | None:
    return None if value is None else _number(value)


def _prediction(record: Mapping[str, Any]) -> PinPrediction:
    probabilities = tuple(map(_number, record["probabilities"]))
    heat = _from_map(record["heat"])
    if len(probabilities) != len(CLASSES) or heat.ndim != 2:
        raise ValueError("not a prediction for a pin")
    return PinPrediction(probabilities, heat)


def _layer(record: Mapping[str, Any]) -> LayerState:
    numbers = {name: _number(record[name]) for name in ("mean", "std", "zeros", "weight_norm")}
    names = ("dead", "gradient_norm", "update_ratio")
    return LayerState(str(record["name"]), **numbers, **{n: _optional(record[n]) for n in names})  # type: ignore[arg-type]


def _confusion(record: Any) -> tuple[tuple[int, ...], ...] | None:
    if record is None:
        return None
    counts = tuple(tuple(map(int, row)) for row in record)
    if [len(row) for row in counts] != [len(CLASSES)] * len(CLASSES):
        raise ValueError("not a confusion matrix of ten classes")
    return counts


class _Replay(list[Snapshot]):
    """A run's snapshots in order, without those that a resumed run repeats."""

    def add(self, event: Event) -> None:
        """Add the next record; skip an invalid one."""
        if event["event"] != "moment":
            return
        try:
            snapshot = Snapshot.from_json(event)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return
        while self and self[-1].step >= snapshot.step:
            self.pop()
        self.append(snapshot)


_follow = follower(_Replay)


def follow(path: Path) -> list[Snapshot]:
    """The snapshots in a file by now; reads only what is new since the last call."""
    return list(_follow(path))  # a copy, since another thread may append


def diagnose(snapshot: Snapshot) -> list[str]:
    """Signs of trouble in a network that trains, one sentence each; none at step 0."""
    if snapshot.step == 0:
        return []
    problems = []
    for layer in snapshot.layers:
        conv = layer.name.startswith("conv")
        dead, ratio = layer.dead, layer.update_ratio
        if dead is not None and dead >= (MAX_DEAD_CHANNELS if conv else MAX_DEAD_UNITS):
            problems.append(
                f"{percent(dead, 0)} of {layer.name}'s {'channels' if conv else 'units'} are "
                "always zero: the learning rate may be too high."
            )
        if ratio is not None and ratio >= MAX_UPDATE_RATIO:
            problems.append(
                f"The last step changed {layer.name}'s weights by {percent(ratio, 0)}: the "
                "learning rate may be too high."
            )
        if layer.gradient_norm == 0:
            problems.append(f"No gradient reaches {layer.name}, so it does not learn.")
    if len(snapshot.pins) >= MIN_PINS and len({p.top_class for p in snapshot.pins.values()}) == 1:
        problems.append("All pins get the same prediction: the network cannot tell them apart yet.")
    return problems
