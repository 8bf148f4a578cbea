"""The training loop: the article's, with pauses, checkpoints, and snapshots."""

from __future__ import annotations

import logging
import time
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any

import torch

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.files import sha256, sweep
from alexnet_demo.data.splits import Split, epoch_order, load_split
from alexnet_demo.network import checkpoint
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import count_parameters
from alexnet_demo.network.distinct_units import distinct_units
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run, has_weights
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.provenance import provenance
from alexnet_demo.settings.schedule import lr_at, width_at
from alexnet_demo.training.checkpoints import CheckpointWriter
from alexnet_demo.training.distributed import Agreement, ProcessGroup
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.metrics import MetricAccumulator, Metrics
from alexnet_demo.training.recorder import Recorder
from alexnet_demo.training.state import TrainingState

EVENT_SECONDS = 0.5
"""Least time between two events of a kind; on a GPU, reading metrics makes the host wait."""
LOG_SECONDS = 10.0

log = logging.getLogger(__name__)


class Action(IntEnum):
    """What to do after a step; rank 0 decides, as an integer that an `Agreement` can send."""

    CONTINUE, REPORT, SAVE, PAUSE, STOP = range(5)


INTERRUPTIONS = {Action.PAUSE: "paused", Action.STOP: "stopped"}


class Interrupted(Exception):  # noqa: N818 - not an error
    """A pause or stop was requested; the message is the run's end reason."""


class Trainer:
    """Trains a run in its directory, from its newest checkpoint on.

    Attributes:
        signal_request: ``pause`` or ``stop`` once a signal demands it; else empty.
    """

    def __init__(
        self,
        config: TrainConfig,
        directory: Path,
        events: EventWriter,
        group: ProcessGroup | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.config, self.events, self.files = config, events, Run(directory)
        self.engine = Engine(config, group, device)
        self.group = self.engine.group
        self.state = TrainingState()
        self.signal_request = ""
        self.checkpoints = CheckpointWriter(self.files, self.engine, events)
        self._logged_at = time.monotonic()
        images = load_split(train=True, device=self.engine.device)
        self.train_data = images.head(config.train_images)
        # Epochs and settings are chosen by these: not by the test set, if there are others.
        self.eval_data = images.tail(config.validation) if config.validation else self._test_set()

    # -------------------------------------------------------------- the loop

    def run(self) -> str:
        """Train to the end, or until a pause or stop is requested.

        Returns:
            ``finished``, ``paused`` or ``stopped``.
        """
        self.state, warning = TrainingState.load_newest(self.files, self.engine)
        if self.state.step == 0 and self.group.broadcast_object(has_weights(self.files.start)):
            model, _ = self.group.load(checkpoint.load_weights, self.files.start)
            self.engine.begin_with(model, self.train_data)
        self.recorder = None
        if self.group.is_main:
            sweep(self.files.last.parent)
            self.recorder = Recorder(self.files, self.engine, self.eval_data, self.state.step)
        self._report_start(warning)
        if self.recorder and self.state.step == 0:
            self.recorder.record(0, 0.0)
        with self.checkpoints:
            try:
                while self.state.epoch < self.config.epochs and not self._stops_early():
                    self._train_epoch()
                    self._finish_epoch()
                reason = "finished"
            except Interrupted as interrupted:
                reason = str(interrupted)
                self.checkpoints.save_state(self.state)
            finally:
                if self.recorder:
                    self.recorder.close()
        result: dict[str, Any] = {}
        if reason == "finished" and self.config.validation:
            try:
                result = self._test_best_weights()
            except Interrupted as interrupted:  # the state is saved: resuming tests again
                reason = str(interrupted)
        self.events.write("end", reason=reason, step=self.state.step, **result)
        return reason

    def _train_epoch(self) -> None:
        """Train on the current epoch's batches, from ``state.batch`` on."""
        config, state, engine = self.config, self.state, self.engine
        order = epoch_order(len(self.train_data), config.seed, state.epoch).to(engine.device)
        window, agreement = MetricAccumulator(engine), Agreement(self.group)
        for indices in order.split(config.batch_size)[state.batch :]:
            if self._grow_if_due():
                agreement = Agreement(self.group)  # steps take longer now
            lr = lr_at(config, state.step)
            due = self.recorder and self.recorder.due(state.step + 1)
            recorder = self.recorder if due else None
            weights = recorder.before_step() if recorder else {}
            window.add(engine.step(self.train_data, indices, state.step, lr))
            state.batch += 1
            state.step += 1
            if recorder:
                recorder.after_step(weights)
                if state.batch < config.steps_per_epoch:  # else after the epoch's test
                    recorder.record(**self._position)
            self.checkpoints.poll()
            self.checkpoints.answer_request(state)
            action = Action(agreement.after_step(partial(self._next_action, window), self._is_due))
            # A checkpoint begins a new window, so that a resumed curve has no gap.
            if action != Action.CONTINUE:
                self._report_batches(window, lr)
            if action == Action.SAVE:
                self.checkpoints.save_state(state)
            elif action in INTERRUPTIONS:
                raise Interrupted(INTERRUPTIONS[action])

    def _finish_epoch(self) -> None:
        """Evaluate, report, and write checkpoints."""
        state, begin = self.state, time.monotonic()
        test, confusion = self.evaluate(self.eval_data, state.epoch + 1)
        self.checkpoints.require_finite(state.step, state.metrics.loss, test.loss)
        state.epoch += 1
        state.batch = 0
        if self.recorder:
            self.recorder.record(state.step, state.epoch, test.accuracy, confusion)
        self._report_epoch(test, test_seconds=time.monotonic() - begin)
        state.metrics = Metrics()
        improved = test.accuracy > state.best_accuracy
        if improved:
            state.best_accuracy, state.best_epoch = test.accuracy, state.epoch
        split = self.config.eval_split
        result = {f"{split}_accuracy": test.accuracy, f"{split}_loss": test.mean_loss}
        self.checkpoints.save_epoch(state, result, improved)

    def _test_set(self) -> Split:
        test_set = load_split(train=False, device=self.engine.device)
        return test_set.head(self.config.test_samples)

    def _test_best_weights(self) -> dict[str, Any]:
        """Evaluate the best weights on the test set, on which nothing was chosen.

        Puts them in the place of the network that was trained.

        Returns:
            Fields of the ``end`` event; none if the weights cannot be read any more.
        """
        best = self.group.broadcast_object(self.files.best)  # by now, rank 0 has written it
        try:
            model, _ = self.group.load(checkpoint.load_weights, best)
        except CheckpointError as error:
            log.warning(warning := f"No test accuracy: {error}")
            self.events.write("fallback", message=warning)
            return {}
        self.engine.set_model(model)
        test, _ = self.evaluate(data := self._test_set(), self.state.epoch)
        log.info(f"Best weights: Test => Loss: {test.mean_loss:.4f}, Acc: {test.accuracy:.4f}")
        return {
            "test_loss": test.mean_loss,
            "test_accuracy": test.accuracy,
            "test_images": len(data),
        }

    def evaluate(self, data: Split, epoch: int) -> tuple[Metrics, list[list[int]]]:
        """Metrics and confusion matrix on some images, without dropout.

        Args:
            epoch: number of the epoch, from 1, for the ``test`` events.
        """
        self.engine.sync_buffers()
        accumulator, reported_at = MetricAccumulator(self.engine), time.monotonic()
        confusion = torch.zeros(len(CLASSES), len(CLASSES), device=self.engine.device)
        agreement = Agreement(self.group)
        total, size = len(data), self.config.batch_size
        for start in range(0, total, size):
            result, counts = self.engine.test(data, slice(start, start + size))
            accumulator.add(result)
            confusion += counts
            if time.monotonic() - reported_at >= EVENT_SECONDS:
                self.events.write("test", epoch=epoch, done=accumulator.count, total=total)
                reported_at = time.monotonic()
            if data is self.eval_data:  # else not the network that trains
                self.checkpoints.answer_request(self.state)
            if request := agreement.after_step(self._requested_action):
                raise Interrupted(INTERRUPTIONS[Action(request)])
        return accumulator.flush(), self.group.all_reduce(confusion).long().tolist()

    # ------------------------------------------------------------- decisions

    def _next_action(self, window: MetricAccumulator) -> Action:
        """What is due after a step; rank 0's decision counts."""
        if request := self._requested_action():
            return request
        interval = 60 * self.config.checkpoint_minutes
        if not self._is_last and 0 < interval <= time.monotonic() - self.checkpoints.saved_at:
            return Action.SAVE
        due = self._is_due or window.age >= EVENT_SECONDS
        return Action.REPORT if due else Action.CONTINUE

    @property
    def _is_last(self) -> bool:
        """Whether the epoch's last batch is completed."""
        return self.state.batch == self.config.steps_per_epoch

    @property
    def _is_due(self) -> bool:
        """Whether a report is due after this step in any case, known to all processes."""
        return self._is_last or self.state.step == 1

    def _requested_action(self) -> Action:
        """`PAUSE` or `STOP` once a signal or the page requests it, else `CONTINUE`."""
        request = self.signal_request or (self.files.request if self.group.is_main else "")
        return {"": Action.CONTINUE, "pause": Action.PAUSE}.get(request, Action.STOP)

    def _stops_early(self) -> bool:
        state, width = self.state, self.engine.model.width
        return self.config.stops_early(state.epoch, state.best_epoch, width)

    def _grow_if_due(self) -> bool:
        """Widen the network where ``grow`` schedules it; return whether it was."""
        state, width = self.state, width_at(self.config, self.state.step)
        if width <= self.engine.model.width:
            return False
        self.engine.grow(width, state.step)
        # The best weights are to be of the full width.
        state.best_accuracy, state.best_epoch = -1.0, state.epoch
        parameters = count_parameters(self.engine.model)
        self.events.write("grow", **self._position, width=width, parameters=parameters)
        log.info(f"Grew to width {width:g}: {parameters:,} parameters")
        return True

    # --------------------------------------------------------------- reports

    @property
    def _position(self) -> dict[str, Any]:
        """The step, and the epoch with its fraction."""
        epoch = self.state.epoch + self.state.batch / self.config.steps_per_epoch
        return {"step": self.state.step, "epoch": round(epoch, 5)}

    def _report_start(self, warning: str) -> None:
        engine, state = self.engine, self.state
        info, parameters = devices.info(engine.device), count_parameters(engine.model)
        self.events.write(
            "start",
            config=self.config.to_json(),
            device=str(engine.device),
            device_uuid=info.uuid,
            device_name=info.name,
            precision=engine.precision,
            tf32=engine.precision == "fp32" and devices.has_tf32(engine.device),
            memory_format=engine.memory_format,
            compilation=engine.compilation,
            processes=self.group.size,
            width=engine.model.width,
            **provenance(),
            parameters=parameters,
            step=state.step,
            epochs_done=state.epoch,
            began_with=sha256(start) if has_weights(start := self.files.start) else "",
        )
        log.info(
            f"Training on {info.name} in {engine.precision}, {engine.memory_format}: "
            f"{parameters:,} parameters, from step {state.step} of {self.config.total_steps}"
        )
        if warning:
            log.warning(warning)
            self.events.write("fallback", message=warning)

    def _report_batches(self, window: MetricAccumulator, lr: float) -> None:
        """Write a ``batch`` event about the batches since the last one."""
        state, metrics = self.state, window.flush()
        state.metrics += metrics
        self.checkpoints.require_finite(state.step, metrics.loss)
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            log.info(
                f"Epoch {state.epoch + 1}, batch {state.batch} of {self.config.steps_per_epoch}: "
                f"loss {metrics.mean_loss:.4f}, {metrics.images_per_s:.0f} images/s"
            )
        self.events.write(
            "batch",
            **self._position,
            loss=metrics.mean_loss,
            accuracy=metrics.accuracy,
            lr=lr,
            images_per_s=round(metrics.images_per_s, 1),
            peak_memory=devices.peak_memory(self.engine.device),
        )

    def _report_epoch(self, test: Metrics, test_seconds: float) -> None:
        state, train = self.state, self.state.metrics
        distinct = distinct_units(self.engine.model)
        self.events.write(
            "epoch",
            step=state.step,
            epoch=state.epoch,
            train_loss=train.mean_loss,
            train_accuracy=train.accuracy,
            split=self.config.eval_split,
            test_loss=test.mean_loss,
            test_accuracy=test.accuracy,
            width=self.engine.model.width,
            distinct_units={name: round(share, 4) for name, share in distinct.items()},
            seconds=round(train.seconds, 3),
            test_seconds=round(test_seconds, 3),
            images_per_s=round(train.images_per_s, 1),
            peak_memory=devices.peak_memory(self.engine.device),
            watch_seconds=round(self.recorder.seconds, 3) if self.recorder else 0.0,
        )
        log.info(
            f"Epoch {state.epoch}/{self.config.epochs}: "
            f"Train => Loss: {train.mean_loss:.4f}, Acc: {train.accuracy:.4f} | "
            f"{self.config.eval_split.capitalize()} => "
            f"Loss: {test.mean_loss:.4f}, Acc: {test.accuracy:.4f}"
        )
