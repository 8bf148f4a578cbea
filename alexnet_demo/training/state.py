"""The training state: all that a checkpoint holds for a run to resume exactly where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.network import checkpoint
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.checkpoint import MODEL_PREFIX, strip_prefix
from alexnet_demo.network.timing import choose_memory_format
from alexnet_demo.runs.run import Run
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.metrics import Metrics

OPTIMIZER_PREFIX = "optimizer."


@dataclass
class TrainingState:
    """A run's position and metrics; `save` adds the engine's model, optimizer, and scaler.

    Attributes:
        epoch: completed epochs.
        batch: completed batches of the current epoch.
        step: optimizer steps since the run began.
        metrics: of the current epoch's batches so far.
        best_accuracy: highest accuracy on ``config.eval_split`` at the current width; -1 before the
            first evaluation.
        best_epoch: the epoch that reached it.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    metrics: Metrics = field(default_factory=Metrics)
    best_accuracy: float = -1.0
    best_epoch: int = 0

    def contents(self, engine: Engine, run_id: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The tensors and the JSON object of ``last.safetensors``; the tensors are the engine's."""
        metrics = self.metrics
        optimizer, optimizer_tensors = _split_tensors(engine.optimizer.state_dict())
        tensors = {MODEL_PREFIX + name: t for name, t in engine.model.state_dict().items()}
        tensors |= {OPTIMIZER_PREFIX + name: t for name, t in optimizer_tensors.items()}
        # The keys are the file format: version 0.5 wrote and read the same, except for the device.
        info = {
            "config": engine.config.to_json(),
            "run": run_id,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "tally": {"loss": metrics.loss, "hits": metrics.correct, "count": metrics.count},
            "precision": engine.precision,
            "memory_format": engine.memory_format,
            "device": engine.device.type,
            "epoch_seconds": metrics.seconds,
            "best_accuracy": self.best_accuracy,
            "best_epoch": self.best_epoch,
            "optimizer": optimizer,
            "scaler": engine.scaler.state_dict(),
            **checkpoint.describe(engine.model),
        }
        return tensors, info

    def save(self, run: Run, engine: Engine) -> None:
        """Write ``last.safetensors`` atomically; the file it replaces becomes ``previous``.

        Raises:
            OSError: when it cannot be written; ``last.safetensors`` is then left as it was.
        """
        tensors, info = self.contents(engine, run.id)
        checkpoint.save(run.last, tensors, info, keep=run.previous)

    @classmethod
    def load(cls, path: Path, engine: Engine) -> TrainingState:
        """Read a state that `save` wrote, and set up the engine as it was.

        Raises:
            CheckpointError: when the file is damaged or belongs to another network.
        """
        tensors, info = engine.group.load(checkpoint.load, path)
        try:
            if info["config"]["width"] != engine.config.width:
                raise ValueError("another width")
            _restore_execution(info, engine)
            model = AlexNet(**info["model"])
            model.load_state_dict(strip_prefix(tensors, MODEL_PREFIX))
            engine.set_model(model)
            optimizer_tensors = strip_prefix(tensors, OPTIMIZER_PREFIX)
            engine.optimizer.load_state_dict(_join_tensors(info["optimizer"], optimizer_tensors))
            _match_layouts(engine.optimizer)
            if info["scaler"]:  # empty unless the run was in fp16
                engine.scaler.load_state_dict(info["scaler"])
            loss, correct, count = (info["tally"][key] for key in ("loss", "hits", "count"))
            metrics = Metrics(loss, correct, count, info["epoch_seconds"])
            position = {name: info[name] for name in ("epoch", "batch", "step")}
            best = {name: info[name] for name in ("best_accuracy", "best_epoch")}
            return cls(metrics=metrics, **position, **best)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise CheckpointError(
                f"{path} does not hold the training state of this run: start a new run."
            ) from error

    @classmethod
    def load_newest(cls, run: Run, engine: Engine) -> tuple[TrainingState, str]:
        """Load the newest intact state of a run, or begin with a fresh one if it has none.

        Returns:
            The state, and a warning if the newest checkpoint was damaged, else "".

        Raises:
            CheckpointError: about the newest checkpoint, when all are damaged.
        """
        newest_error = None
        for path in engine.group.broadcast_object(run.checkpoints):
            try:
                state = cls.load(path, engine)
            except CheckpointError as error:
                newest_error = newest_error or error
            else:
                warning = f"{newest_error} Resumed from the previous checkpoint."
                return state, warning if newest_error else ""
        if newest_error:
            raise newest_error
        return cls(), ""


def _restore_execution(info: Mapping[str, Any], engine: Engine) -> None:
    """Resume in the precision and memory format of a checkpoint from the same kind of device.

    They are not measured again, since on a busy machine the choice might differ; only a CPU's
    precision is chosen without measuring. A GPU that would emulate bf16 keeps its own choice.
    """
    # Version 0.5 did not write the device, and offered fp16 on CUDA alone.
    usual = "cuda" if info["precision"] == "fp16" else engine.device.type
    if info.get("device", usual) == engine.device.type:
        emulated = info["precision"] == "bf16" and not devices.has_bf16_units(engine.device)
        own = engine.device.type == "cpu" or emulated
        precision = engine.precision if own else info["precision"]
        memory_format = choose_memory_format(info["memory_format"], engine.device, precision)
        # Rank 0 decides: the GPUs of a run may differ.
        engine.set_execution(*engine.group.broadcast_object((precision, memory_format)))


def _match_layouts(optimizer: torch.optim.Optimizer) -> None:
    """Lay out each momentum in memory as its weight: files hold all tensors contiguous.

    Updates are slow in mixed layouts, and fused SGD's are wrong.
    """
    for weight, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                state[name] = torch.empty_like(weight).copy_(value)


def _split_tensors(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """An optimizer's state as JSON, and its tensors as ``<parameter index>.<name>``."""
    plain: dict[str, dict[str, Any]] = {}
    tensors: dict[str, Tensor] = {}
    for index, values in state["state"].items():
        plain[str(index)] = {k: v for k, v in values.items() if not isinstance(v, Tensor)}
        tensors |= {f"{index}.{k}": v for k, v in values.items() if isinstance(v, Tensor)}
    return {"state": plain, "param_groups": state["param_groups"]}, tensors


def _join_tensors(plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The state that `_split_tensors` took apart."""
    state = {
        int(index): values | strip_prefix(tensors, f"{index}.")
        for index, values in plain["state"].items()
    }
    return {"state": state, "param_groups": plain["param_groups"]}
