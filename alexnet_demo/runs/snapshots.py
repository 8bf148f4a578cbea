"""What a network was like at moments of its training: records that the trainer writes.

A run's ``moments.jsonl`` holds one JSON object a line, written by `watch`:

``step``, ``epoch``  when: steps and epochs done, the epoch with its fraction
``width``            the network's width then
``accuracy``         on the tested images, 0 to 1; null within an epoch, where nothing is tested
``confusion``        counts, 10 lists of 10: rows are true classes, columns predicted ones; or null
``pins``             by a pin's id: ``probabilities`` (10), and ``heat``, Grad-CAM for the likeliest
                     class, as a map
``filters``          conv1's, as a map (filters, 11, 11): 127.5 is 0, 0 and 255 the greatest weight
``most``             that weight
``layers``           a `LayerState` each, in the network's order

A map is ``{"shape": [...], "bytes": base64 of uint8}``. Imports no torch.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_demo.runs.events import Event
from alexnet_demo.runs.tail import Followers
from alexnet_demo.settings.article import CLASSES

DEAD_CHANNELS, DEAD_UNITS = 0.4, 0.8
"""Shares of a convolution's channels and of a fully connected layer's units that are too many."""
FAST = 0.05
"""A change of a layer's weights by such a share in one step is too much; 0.001 is usual."""
ALIKE = 4  # pins from which on it tells something that all get the same answer


def to_map(values: np.ndarray) -> dict[str, Any]:
    """An array, uint8 of any shape, as a JSON-able map."""
    return {"shape": list(values.shape), "bytes": base64.b64encode(values.tobytes()).decode()}


def from_map(record: Mapping[str, Any]) -> np.ndarray:
    """The array of a map.

    Raises:
        ValueError, KeyError, TypeError: where it is none.
    """
    return np.frombuffer(base64.b64decode(record["bytes"]), np.uint8).reshape(record["shape"])


@dataclass(frozen=True)
class LayerState:
    """How a layer with weights is, measured on some of the tested images.

    Attributes:
        name: of the layer, such as ``conv1``.
        mean: of its outputs, behind the ReLU where there is one.
        std: their standard deviation.
        zeros: the share of them that is 0.
        dead: the share of its channels or units that is 0 for all of those images; None of fc8,
            which has no ReLU.
        weight_norm: the length of its weights.
        gradient_norm: that of their last gradient; None before the first step.
        update_ratio: the length of the last change of its weights over their own.
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
    """What the network said of a pin.

    Attributes:
        probabilities: of each class, summing to 1.
        heat: Grad-CAM for the likeliest class, uint8 (h, w): 255 where most speaks for it.
    """

    probabilities: tuple[float, ...]
    heat: np.ndarray

    @property
    def top_class(self) -> int:
        """The likeliest class, 0 to 9."""
        return int(np.argmax(self.probabilities))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network at a moment; the attributes are the records' fields (see the module)."""

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
        """The record, as it is written."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "width": self.width,
            "accuracy": self.accuracy,
            "confusion": self.confusion,
            "pins": {
                name: {
                    "probabilities": [round(p, 4) for p in seen.probabilities],
                    "heat": to_map(seen.heat),
                }
                for name, seen in self.pins.items()
            },
            "filters": to_map(self.filters),
            "most": self.filter_max,
            "layers": [asdict(layer) for layer in self.layers],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Snapshot:
        """Read a record.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: when something is missing or no number.
        """
        filters = from_map(record["filters"])
        if filters.ndim != 3:
            raise ValueError("filters are maps of two dimensions")
        return cls(
            int(record["step"]),
            _number(record["epoch"]),
            _number(record["width"]),
            filters,
            _number(record["most"]),
            {str(name): _seen(seen) for name, seen in record["pins"].items()},
            tuple(_layer(layer) for layer in record["layers"]),
            None if record.get("accuracy") is None else _number(record["accuracy"]),
            _confusion(record.get("confusion")),
        )


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _seen(record: Mapping[str, Any]) -> PinPrediction:
    probabilities = tuple(_number(p) for p in record["probabilities"])
    heat = from_map(record["heat"])
    if len(probabilities) != len(CLASSES) or heat.ndim != 2:
        raise ValueError("no answer for a pin")
    return PinPrediction(probabilities, heat)


def _layer(record: Mapping[str, Any]) -> LayerState:
    mean, std, zeros, norm = (
        _number(record[name]) for name in ("mean", "std", "zeros", "weight_norm")
    )
    dead, slope, ratio = (
        None if record[name] is None else _number(record[name])
        for name in ("dead", "gradient_norm", "update_ratio")
    )
    return LayerState(str(record["name"]), mean, std, zeros, dead, norm, slope, ratio)


def _confusion(record: Any) -> tuple[tuple[int, ...], ...] | None:
    if record is None:
        return None
    counts = tuple(tuple(int(count) for count in row) for row in record)
    if [len(row) for row in counts] != [len(CLASSES)] * len(CLASSES):
        raise ValueError("no confusion matrix of ten classes")
    return counts


# ------------------------------------------------------------------ reading a run's


@dataclass
class Replay:
    """A run's moments in order, without those that a resumed run went through once more."""

    snapshots: list[Snapshot] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Fold in the next record; one that is none is passed over."""
        if event["event"] != "moment":
            return
        try:
            moment = Snapshot.from_json(event)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return
        while self.snapshots and self.snapshots[-1].step >= moment.step:
            self.snapshots.pop()
        self.snapshots.append(moment)


_replays = Followers(Replay)


def follow(path: Path) -> list[Snapshot]:
    """The moments that a file holds by now; reads only what is new since the last call."""
    return list(_replays.follow(path).snapshots)  # which another thread may be reading on


# ------------------------------------------------------------------ how a network fares


def diagnose(moment: Snapshot) -> list[str]:
    """What looks wrong with a network that is trained, a sentence each; none where all is well."""
    if moment.step == 0:
        return []
    found = []
    for layer in moment.layers:
        conv = layer.name.startswith("conv")
        dead, ratio = layer.dead, layer.update_ratio
        if dead is not None and dead >= (DEAD_CHANNELS if conv else DEAD_UNITS):
            found.append(
                f"{dead:.0%} of {layer.name}'s {'channels' if conv else 'units'} are "
                "always zero: the learning rate may be too high."
            )
        if ratio is not None and ratio >= FAST:
            found.append(
                f"The last step changed {layer.name}'s weights by {ratio:.0%}: the "
                "learning rate may be too high."
            )
        if layer.gradient_norm == 0:
            found.append(f"No gradient reaches {layer.name}: it learns nothing.")
    if len(moment.pins) >= ALIKE and len({seen.top_class for seen in moment.pins.values()}) == 1:
        found.append("All pins get the same answer: the network tells nothing apart yet.")
    return found
