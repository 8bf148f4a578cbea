"""Writes a run's checkpoints: its state to resume from, and weights of single epochs."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from alexnet_demo.common.errors import TrainError
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import fuse_batchnorm
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.state import TrainingState

log = logging.getLogger(__name__)


class CheckpointWriter:
    """Writes the checkpoints of a run; only rank 0 does, since all processes have the same state.

    Attributes:
        saved_at: when the state was last saved, by `time.monotonic`.
    """

    def __init__(self, run: Run, engine: Engine, events: EventWriter) -> None:
        self._run, self._engine, self._events = run, engine, events
        self.saved_at = time.monotonic()

    def save_state(self, state: TrainingState) -> None:
        """Write the training state to ``last.safetensors``.

        Raises:
            TrainError: when a weight is NaN or infinite, or the file cannot be written.
        """
        self.saved_at = time.monotonic()
        self._engine.sync_buffers()
        if not self._engine.group.is_main:
            return
        if not all(torch.isfinite(p).all() for p in self._engine.model.parameters()):
            self.require_finite(state.step, math.nan)
        with self._event(self._run.last, state):
            state.save(self._run, self._engine)

    def save_weights(
        self, path: Path, state: TrainingState, result: dict[str, Any], quantized: bool = False
    ) -> None:
        """Write the model alone; ``result`` is its loss and accuracy, by split.

        Raises:
            TrainError: when the file cannot be written.
        """
        if self._engine.group.is_main:
            with self._event(path, state):
                self._write_weights(path, state, result, quantized)

    def answer_request(self, state: TrainingState) -> None:
        """Write the current weights if a page has requested them."""
        run = self._run
        if self._engine.group.is_main and run.weights_request.exists():
            try:
                run.weights_request.unlink(missing_ok=True)
                self._write_weights(run.now, state, {}, quantized=True)
            except OSError as error:  # not worth ending a run for
                log.warning(f"The current weights could not be written: {error}")

    def require_finite(self, step: int, *losses: float) -> None:
        """Raise `TrainError` if a loss is NaN or infinite."""
        if not all(map(math.isfinite, losses)):
            kept = "The last good checkpoint is kept." if self._run.checkpoints else ""
            raise TrainError(
                f"The loss became NaN or infinite at step {step}: the learning rate is too high "
                f"for these settings. Start a new run with a lower one. {kept}".strip()
            )

    def _write_weights(
        self, path: Path, state: TrainingState, result: dict[str, Any], quantized: bool
    ) -> None:
        """Write the model, batch normalization fused; in 8 bits if ``quantized``."""
        engine = self._engine
        info = {"epoch": state.epoch, **result, "run": self._run.id, "step": state.step}
        write = checkpoint.save_quantized if quantized else checkpoint.save_weights
        write(path, fuse_batchnorm(engine.model), {**info, "config": engine.config.to_json()})

    @contextmanager
    def _event(self, path: Path, state: TrainingState) -> Iterator[None]:
        """Report a checkpoint once it is written; turn a full disk into a `TrainError`."""
        try:
            yield
        except OSError as error:
            raise TrainError(
                f"The checkpoint {path.name} could not be written ({error}): free disk space or "
                "make the folder writable, then resume. The previous checkpoint is kept."
            ) from error
        self._events.write("checkpoint", step=state.step, epoch=state.epoch, file=path.name)
