"""Writes a run's checkpoints: its state to resume from, and weights of single epochs."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from alexnet_demo.common.errors import TrainError
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet, fuse_batchnorm
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.problems import NOT_FINITE
from alexnet_demo.runs.run import Run
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.state import TrainingState

log = logging.getLogger(__name__)


class CheckpointWriter:
    """Writes the checkpoints of a run; only rank 0 does, since all processes have the same state.

    Training goes on meanwhile: what is to be written is copied to host memory, and a thread
    computes the checksum and writes. It writes one checkpoint at a time, so that there is one copy.
    As a context manager it waits for the last one.

    Attributes:
        saved_at: when the state was last saved, by `time.monotonic`.
    """

    def __init__(self, run: Run, engine: Engine, events: EventWriter) -> None:
        self._run, self._engine, self._events = run, engine, events
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._pending: Future[None] | None = None
        self.saved_at = time.monotonic()

    def __enter__(self) -> CheckpointWriter:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            self.join()
        except Exception as failure:
            if error is None:
                raise
            log.warning(failure)  # `error` is what ends the run
        finally:
            self._thread.shutdown()

    def save_state(self, state: TrainingState) -> None:
        """Write the training state to ``last.safetensors``, once the last checkpoint is written.

        Raises:
            TrainError: when a weight is NaN or infinite, or the last checkpoint cannot be written.
        """
        self._save(state, {}, {})

    def save_epoch(self, state: TrainingState, result: Mapping[str, Any], improved: bool) -> None:
        """Write the weights of an epoch if they are the best or to be kept, and then the state.

        The state last: if killed before, the run repeats this epoch and writes all again.

        Args:
            result: the model's loss and accuracy, by split.
            improved: whether these weights are the best so far.

        Raises:
            TrainError: as `save_state`.
        """
        weights = {self._run.best: False} if improved else {}
        if self._engine.config.keeps_weights(state.epoch):
            weights[self._run.epoch_weights(state.epoch)] = True
        self._save(state, weights, result)

    def join(self) -> None:
        """Wait until the last checkpoint is written.

        Raises:
            TrainError: when it cannot be.
        """
        pending, self._pending = self._pending, None
        if pending:
            pending.result()

    def poll(self) -> None:
        """Raise the `TrainError` of a checkpoint that could not be written; wait for none."""
        if self._pending and self._pending.done():
            self.join()

    def answer_request(self, state: TrainingState) -> None:
        """Write the current weights if a page has requested them."""
        run, engine = self._run, self._engine
        if engine.group.is_main and run.weights_request.exists():
            info = {"epoch": state.epoch, "step": state.step}
            try:
                run.weights_request.unlink(missing_ok=True)
                self._write_weights(run.now, engine.model, info, quantized=True)
            except OSError as error:  # not worth ending a run for
                log.warning(f"The current weights could not be written: {error}")

    def require_finite(self, step: int, *losses: float) -> None:
        """Raise `TrainError` if a loss is NaN or infinite."""
        if not all(map(math.isfinite, losses)):
            kept = "The last good checkpoint is kept." if self._run.checkpoints else ""
            raise TrainError(
                f"The loss became {NOT_FINITE} at step {step}: the learning rate is too high "
                f"for these settings. Start a new run with a lower one. {kept}".strip()
            )

    def _save(
        self, state: TrainingState, weights: Mapping[Path, bool], result: Mapping[str, Any]
    ) -> None:
        """Copy the state, and begin to write the model to ``weights``, and then the state.

        Args:
            weights: paths, and whether to write there in 8 bits.
        """
        self.join()
        self.saved_at = time.monotonic()
        self._engine.sync_buffers()
        if not self._engine.group.is_main:
            return
        if not _is_finite(self._engine.model):
            self.require_finite(state.step, math.nan)
        tensors, info = state.contents(self._engine, self._run.id)
        copies, wait = checkpoint.copy_to_host(tensors)
        self._pending = self._thread.submit(self._write, copies, wait, info, weights, result)

    def _write(
        self,
        tensors: Mapping[str, Tensor],
        wait: Callable[[], None],
        info: Mapping[str, Any],
        weights: Mapping[Path, bool],
        result: Mapping[str, Any],
    ) -> None:
        """Write one checkpoint, in the thread."""
        wait()
        position = {name: info[name] for name in ("step", "epoch")}
        if weights:
            with torch.device("meta"):
                model = AlexNet(**info["model"])
            state = checkpoint.strip_prefix(tensors, checkpoint.MODEL_PREFIX)
            model.load_state_dict(state, assign=True)
        for path, quantized in weights.items():
            with self._event(path, position):
                self._write_weights(path, model, {**position, **result}, quantized)
        with self._event(self._run.last, position):
            checkpoint.save(self._run.last, tensors, info, keep=self._run.previous)

    def _write_weights(
        self, path: Path, model: AlexNet, info: Mapping[str, Any], quantized: bool
    ) -> None:
        """Write a model, batch normalization fused; in 8 bits if ``quantized``."""
        info = {**info, "run": self._run.id, "config": self._engine.config.to_json()}
        write = checkpoint.save_quantized if quantized else checkpoint.save_weights
        write(path, fuse_batchnorm(model), info)

    @contextmanager
    def _event(self, path: Path, position: Mapping[str, Any]) -> Iterator[None]:
        """Report a checkpoint once it is written; turn a full disk into a `TrainError`."""
        try:
            yield
        except OSError as error:
            raise TrainError(
                f"The checkpoint {path.name} could not be written ({error}): free disk space or "
                "make the folder writable, then resume. The previous checkpoint is kept."
            ) from error
        self._events.write("checkpoint", **position, file=path.name)


def _is_finite(model: AlexNet) -> bool:
    """Whether all weights are finite; waits for the device once."""
    extremes = [value for p in model.parameters() for value in torch.aminmax(p.detach())]
    return bool(torch.stack(extremes).isfinite().all())
