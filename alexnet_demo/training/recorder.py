"""Looks at a network while it is trained, and records what it sees; the training does not change.

At a moment (see `moments`) the pins and some of the tested images go through the network once. The
first epoch has several moments, since most changes there; every later one has one, at its end.
Those within an epoch are left out where they would take more than `BUDGET` of the whole training.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alexnet_demo.data.splits import Split
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.device import autocast
from alexnet_demo.network.grad_cam import heatmaps
from alexnet_demo.network.input import to_input
from alexnet_demo.runs import pins as pinned
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import LayerState, PinPrediction, Snapshot
from alexnet_demo.training.engine import Engine

FIRST_EPOCH = 12
"""Moments within the first epoch, besides the one before it and the one at its end."""
BUDGET = 0.01
"""Share of the whole training's time that watching may take."""
PROBES = 64
"""Tested images on which the layers' outputs are measured."""
MOST_FILTERS = 96

Weights = dict[str, Tensor]
Motion = dict[str, tuple[float, float]]


class Recorder:
    """The watcher of one training.

    Args:
        run: its directory, for the pins and the moments.
        engine: the network and its device.
        tested: the images that the epochs are tested on.
        first: steps done before this process began.

    Attributes:
        seconds: what watching has taken since.
    """

    def __init__(self, run: Run, engine: Engine, tested: Split, first: int = 0) -> None:
        self._engine, self._run, self._first = engine, run, first
        self._probes = tested.images[:PROBES]
        self._writer = EventWriter(run.snapshots)
        self._motion: Motion = {}
        self._pins: tuple[pinned.Pin, ...] = ()
        self._pins_read = 0.0
        self.seconds = 0.0
        self._began = time.perf_counter()

    # ------------------------------------------------------------------ when

    def due(self, step: int) -> bool:
        """Whether the step that leads to this number of steps is to be looked at."""
        epoch = self._engine.config.steps_per_epoch
        if step % epoch == 0:
            return True
        return step < epoch and step % max(1, epoch // FIRST_EPOCH) == 0 and self._affordable(step)

    def _affordable(self, step: int) -> bool:
        """Whether there is time for another look, by the pace so far."""
        pace = (time.perf_counter() - self._began) / max(1, step - 1 - self._first)
        return self.seconds <= BUDGET * pace * self._engine.config.total_steps

    # ------------------------------------------------------------------ what

    def before_step(self) -> Weights:
        """The weights as they are before a step, for `after_step` to compare with."""
        begin = time.perf_counter()
        copies = {name: layer.weight.detach().clone() for name, layer in _layers(self._model)}
        self.seconds += time.perf_counter() - begin
        return copies

    def after_step(self, before: Weights) -> None:
        """Measure what a step did to every layer: its gradient, and the change of its weights."""
        begin = time.perf_counter()
        found = []
        for name, layer in _layers(self._model):
            old, new, slope = before[name], layer.weight.detach(), layer.weight.grad
            length = torch.zeros((), device=new.device) if slope is None else slope.norm()
            found.append(torch.stack([length, (new - old).norm() / old.norm().clamp(min=1e-12)]))
        rows = torch.stack(found).float().tolist()
        self._motion = {name: (g, r) for name, (g, r) in zip(before, rows, strict=True)}
        self.seconds += time.perf_counter() - begin

    def record(
        self,
        step: int,
        epoch: float,
        accuracy: float | None = None,
        confusion: list[list[int]] | None = None,
    ) -> None:
        """Look at the network as it is and write a moment.

        Args:
            step: steps done.
            epoch: epochs done, with a fraction.
            accuracy: on the tested images, at the end of an epoch.
            confusion: the counts behind it.
        """
        begin = time.perf_counter()
        self._read_pins()
        states, seen = self._look()
        filters = _layers(self._model)[0][1].weight.detach()[:MOST_FILTERS, 0]
        most = float(filters.abs().max()) or 1.0
        levels = (127.5 + 127.5 * filters.float() / most).round().to(torch.uint8).cpu().numpy()
        moment = Snapshot(
            step,
            round(epoch, 5),
            self._model.width,
            levels,
            most,
            seen,
            states,
            accuracy,
            None if confusion is None else tuple(map(tuple, confusion)),
        )
        # A diverged network has no finite numbers to show; the training itself says so next.
        if _finite(moment):
            self._writer.write("moment", **moment.to_json())
        self._motion = {}
        self.seconds += time.perf_counter() - begin

    @property
    def _model(self) -> AlexNet:
        return self._engine.model

    def _read_pins(self) -> None:
        """Take notice of pins that were added or removed meanwhile."""
        changed = _changed(self._run.pins)
        if changed != self._pins_read:
            self._pins, self._pins_read = pinned.read(self._run.pins), changed

    @torch.no_grad()
    def _look(self) -> tuple[tuple[LayerState, ...], dict[str, PinPrediction]]:
        """Send the probes and the pins through the network, layer by layer."""
        engine, model = self._engine, self._model
        model.eval()
        groups = [to_input(torch.tensor(p.pixels, device=engine.device)[None]) for p in self._pins]
        x = torch.cat([to_input(self._probes), *groups])
        count, states, seen = len(self._probes), [], dict[str, PinPrediction]()
        layers = list(model.net.named_children())
        with autocast(engine.device, engine.precision):
            for place, (name, layer) in enumerate(layers):
                if name == "pool5":
                    seen = self._seen(model.net[place:], x[count:])
                    x = x[:count]
                x = layer(x)
                if name.startswith("relu") or name == "fc8":
                    states.append(_state(x[:count].float()))
        return self._states(torch.stack(states).tolist()), seen

    def _seen(self, head: nn.Module, maps: Tensor) -> dict[str, PinPrediction]:
        if not len(maps):
            return {}
        logits, heat = heatmaps(head, maps)
        rows = logits.float().softmax(1).tolist()
        levels = (255 * heat).round().to(torch.uint8).cpu().numpy()
        return {
            pin.id: PinPrediction(tuple(row), level)
            for pin, row, level in zip(self._pins, rows, levels, strict=True)
        }

    def _states(self, rows: list[list[float]]) -> tuple[LayerState, ...]:
        weighted = _layers(self._model)
        norms = torch.stack([layer.weight.norm() for _, layer in weighted]).float().tolist()
        return tuple(
            LayerState(
                name,
                mean,
                std,
                zeros,
                None if name == "fc8" else dead,
                norm,
                *self._motion.get(name, (None, None)),
            )
            for (name, _), (mean, std, zeros, dead), norm in zip(weighted, rows, norms, strict=True)
        )

    def close(self) -> None:
        self._writer.close()


def _layers(model: AlexNet) -> list[tuple[str, nn.Conv2d | nn.Linear]]:
    """The layers with weights, by name, but for normalisations."""
    children = model.net.named_children()
    return [(name, layer) for name, layer in children if isinstance(layer, nn.Conv2d | nn.Linear)]


def _state(output: Tensor) -> Tensor:
    """Mean, standard deviation, share of zeros, and share of channels that are 0 throughout."""
    strongest = output.amax((0, 2, 3)) if output.ndim == 4 else output.amax(0)
    return torch.stack(
        [
            output.mean(),
            output.std(correction=0),
            (output == 0).float().mean(),
            (strongest <= 0).float().mean(),
        ]
    )


def _changed(path: Path) -> float:
    """When a file was written last; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _finite(moment: Snapshot) -> bool:
    numbers = [moment.filter_max]
    for layer in moment.layers:
        numbers += [layer.mean, layer.std, layer.weight_norm]
        numbers += [n for n in (layer.gradient_norm, layer.update_ratio) if n is not None]
    for seen in moment.pins.values():
        numbers += seen.probabilities
    return bool(np.isfinite(numbers).all())
