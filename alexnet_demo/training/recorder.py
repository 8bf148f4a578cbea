"""Records snapshots of a network while it trains, without changing the training.

For a snapshot the pins and some evaluated images go through the network once. There is one before
training, several in the first epoch, when most changes, and one after each epoch. Those within an
epoch are skipped if recording would take more than `BUDGET` of the run's time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np
import torch
from torch import Tensor, nn

from alexnet_demo.data.splits import Split
from alexnet_demo.network.alexnet import ACTIVATIONS
from alexnet_demo.network.device import autocast
from alexnet_demo.network.grad_cam import heatmaps
from alexnet_demo.network.input import to_input
from alexnet_demo.runs import pins
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import LayerState, PinPrediction, Snapshot
from alexnet_demo.training.engine import Engine

FIRST_EPOCH = 12
"""Snapshots within the first epoch."""
BUDGET = 0.01
"""Share of the run's time that recording may take."""
PROBES = 64
"""Evaluated images on which the layers' outputs are measured."""
MOST_FILTERS = 96


class Recorder:
    """Writes a run's snapshots.

    Args:
        run: its directory, for the pins and the snapshots.
        engine: the network and its device.
        eval_data: the images that each epoch is evaluated on.
        first_step: steps completed before this process began.

    Attributes:
        seconds: time spent on recording.
    """

    def __init__(self, run: Run, engine: Engine, eval_data: Split, first_step: int = 0) -> None:
        self._engine, self._run, self._first_step = engine, run, first_step
        self._probes = eval_data.images[:PROBES]
        self._writer = EventWriter(run.snapshots)
        self._motion: dict[str, tuple[float, float]] = {}
        self.seconds = 0.0
        self._began = time.perf_counter()

    def close(self) -> None:
        self._writer.close()

    def due(self, step: int) -> bool:
        """Whether to record a snapshot once this many steps are completed."""
        config = self._engine.config
        epoch = config.steps_per_epoch
        if step % epoch == 0:
            return True
        if step > epoch or step % max(1, epoch // FIRST_EPOCH):
            return False
        pace = (time.perf_counter() - self._began) / max(1, step - 1 - self._first_step)
        return self.seconds <= BUDGET * pace * config.total_steps

    def before_step(self) -> dict[str, Tensor]:
        """Copies of the weights, for `after_step` to compare with."""
        with self._timed():
            return {name: layer.weight.detach().clone() for name, layer in self._layers}

    def after_step(self, before: dict[str, Tensor]) -> None:
        """Measure each layer's gradient norm and the step's update-to-weight ratio."""
        with self._timed():
            rows = []
            for name, layer in self._layers:
                old, new, gradient = before[name], layer.weight.detach(), layer.weight.grad
                norm = torch.zeros((), device=new.device) if gradient is None else gradient.norm()
                rows.append(torch.stack([norm, (new - old).norm() / old.norm().clamp(min=1e-12)]))
            pairs = torch.stack(rows).float().tolist()
            self._motion = {name: (g, r) for name, (g, r) in zip(before, pairs, strict=True)}

    def record(
        self,
        step: int,
        epoch: float,
        accuracy: float | None = None,
        confusion: list[list[int]] | None = None,
    ) -> None:
        """Write a snapshot of the network.

        Args:
            step: completed steps.
            epoch: completed epochs, with a fraction.
            accuracy: on the evaluated images, after an epoch.
            confusion: the counts behind it.
        """
        with self._timed():
            layers, predictions = self._forward()
            filters = self._layers[0][1].weight.detach()[:MOST_FILTERS, 0]
            filter_max = float(filters.abs().max()) or 1.0
            snapshot = Snapshot(
                step=step,
                epoch=round(epoch, 5),
                width=self._engine.model.width,
                filters=_to_bytes(127.5 + 127.5 * filters.float() / filter_max),
                filter_max=filter_max,
                pins=predictions,
                layers=layers,
                accuracy=accuracy,
                confusion=None if confusion is None else tuple(map(tuple, confusion)),
            )
            # A diverged network gives NaN, which JSON cannot hold; the trainer reports it next.
            with suppress(ValueError):
                self._writer.write("moment", **snapshot.to_json())
            self._motion = {}

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begin

    @property
    def _layers(self) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
        """The convolutions and fully connected layers, by name."""
        children = self._engine.model.net.named_children()
        return [(name, m) for name, m in children if isinstance(m, nn.Conv2d | nn.Linear)]

    @torch.no_grad()
    def _forward(self) -> tuple[tuple[LayerState, ...], dict[str, PinPrediction]]:
        """Run probes and pins through the network, layer by layer."""
        engine, model = self._engine, self._engine.model
        pinned = pins.read(self._run.pins)  # the user may have changed them
        model.eval()
        groups = [to_input(torch.tensor(p.pixels, device=engine.device)[None]) for p in pinned]
        x = torch.cat([to_input(self._probes), *groups])
        count, outputs = len(self._probes), []
        predictions: dict[str, PinPrediction] = {}
        with autocast(engine.device, engine.precision):
            for index, (name, layer) in enumerate(model.net.named_children()):
                if name == "pool5":
                    predictions = _predict(model.net[index:], x[count:], pinned)
                    x = x[:count]
                x = layer(x)
                if name == "fc8" or isinstance(layer, tuple(ACTIVATIONS.values())):
                    outputs.append(_output_statistics(x[:count].float()))
        return self._layer_states(torch.stack(outputs).tolist()), predictions

    def _layer_states(self, outputs: list[list[float]]) -> tuple[LayerState, ...]:
        layers = self._layers
        norms = torch.stack([layer.weight.norm() for _, layer in layers]).float().tolist()
        states = []
        for (name, _), (mean, std, zeros, dead), norm in zip(layers, outputs, norms, strict=True):
            gradient_norm, update_ratio = self._motion.get(name, (None, None))
            dead_or_none = None if name == "fc8" else dead
            states.append(
                LayerState(name, mean, std, zeros, dead_or_none, norm, gradient_norm, update_ratio)
            )
        return tuple(states)


def _predict(head: nn.Module, maps: Tensor, pinned: Sequence[pins.Pin]) -> dict[str, PinPrediction]:
    """Probabilities and Grad-CAM of each pin, from its feature maps (pins, C, h, w)."""
    if not pinned:
        return {}
    logits, heat = heatmaps(head, maps)
    rows = zip(pinned, logits.float().softmax(1).tolist(), _to_bytes(255 * heat), strict=True)
    return {pin.id: PinPrediction(tuple(row), heatmap) for pin, row, heatmap in rows}


def _output_statistics(output: Tensor) -> Tensor:
    """Mean, standard deviation, share of zeros, and share of channels that are always 0, (4,)."""
    strongest = output.abs().amax((0, 2, 3) if output.ndim == 4 else 0)
    zeros, dead = (output == 0).float().mean(), (strongest == 0).float().mean()
    return torch.stack([output.mean(), output.std(correction=0), zeros, dead])


def _to_bytes(values: Tensor) -> np.ndarray:
    return values.round().to(torch.uint8).cpu().numpy()
