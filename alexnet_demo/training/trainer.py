"""The training loop: what the article's does, on the device, with pauses and checkpoints."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from alexnet_demo.common import errors
from alexnet_demo.common.errors import TrainError
from alexnet_demo.common.files import sweep
from alexnet_demo.data.splits import epoch_order, load_split
from alexnet_demo.network import checkpoint
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import AlexNet, count_parameters, fuse_batchnorm
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig, lr_at, width_at
from alexnet_demo.settings.provenance import provenance
from alexnet_demo.training.distributed import ProcessGroup
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.metrics import MetricAccumulator, Metrics
from alexnet_demo.training.recorder import Recorder

EVENT_SECONDS = 0.5
"""Least time between two events of a kind; on a GPU, reading metrics makes the host wait."""
LOG_SECONDS = 10.0

log = logging.getLogger(__name__)


GO_ON, REPORT, SAVE, PAUSE, STOP = range(5)
INTERRUPTIONS = {PAUSE: "paused", STOP: "stopped"}


class Interrupted(Exception):  # noqa: N818 - no error
    """Somebody asked the training to pause or stop."""


class Trainer:
    """A training and its position: ``epoch`` done so far, ``batch`` within the next, ``step``."""

    def __init__(
        self,
        config: TrainConfig,
        directory: Path,
        events: EventWriter,
        group: ProcessGroup | None = None,
    ) -> None:
        self.config, self.events, self.files = config, events, Run(directory)
        self.engine = Engine(config, group)
        self.group = self.engine.group
        self.epoch = self.batch = self.step = 0
        self.accumulator = MetricAccumulator(self.engine)
        self.epoch_seconds = 0.0
        self.best_accuracy, self.best_epoch = -1.0, 0
        self.signalled = ""
        self._saved_at = self._logged_at = time.monotonic()

    # -------------------------------------------------------------- the loop

    def run(self) -> str:
        """Train to the end, or until asked to pause or stop.

        Returns:
            ``finished``, ``paused`` or ``stopped``.
        """
        config, device = self.config, self.engine.device
        images = load_split(train=True, device=device)
        self.train_data = images.head(config.train_images)
        if config.validation:
            self.test_data = images.tail(config.validation)
        else:
            self.test_data = load_split(train=False, device=device).head(config.test_samples)
        if self.group.is_main:
            sweep(self.files.last.parent)
        fallback = self._restore_newest()
        self.watch = (
            Recorder(self.files, self.engine, self.test_data, self.step)
            if self.group.is_main
            else None
        )
        self._announce()
        if fallback:
            log.warning("%s", fallback)
            self.events.write("fallback", message=fallback)
        if self.watch and self.step == 0:
            self.watch.record(0, 0.0)
        try:
            while self.epoch < config.epochs and not self._out_of_patience():
                self._train_epoch()
                self._finish_epoch()
            reason = "finished"
        except Interrupted as interrupted:
            reason = str(interrupted)
            self.save()
        finally:
            if self.watch:
                self.watch.close()
        self.events.write("end", reason=reason, step=self.step)
        return reason

    def _train_epoch(self) -> None:
        """The rest of the current epoch, from ``self.batch`` on."""
        config = self.config
        order = epoch_order(len(self.train_data), config.seed, self.epoch).to(self.engine.device)
        self.accumulator = MetricAccumulator(
            self.engine, self.accumulator.total
        )  # its clock begins here
        for chosen in order.split(config.batch_size)[self.batch :]:
            self._widen_when_due()
            lr = lr_at(config, self.step)
            watch = self.watch if self.watch and self.watch.due(self.step + 1) else None
            before = watch.before_step() if watch else {}
            self.accumulator.add(self.engine.step(self.train_data, chosen, self.step, lr))
            self.batch += 1
            self.step += 1
            if watch:
                watch.after_step(before)
                if self.batch < config.steps_per_epoch:  # else once the epoch is tested
                    watch.record(self.step, self.epoch + self.batch / config.steps_per_epoch)
            self._save_if_wanted()
            action = self.group.broadcast(self._next_action())
            # A checkpoint begins a new window, so that a resumed curve has no gap.
            if action != GO_ON:
                self._report(lr)
            if action == SAVE:
                self.save()
            if action in INTERRUPTIONS:
                raise Interrupted(INTERRUPTIONS[action])

    def _next_action(self) -> int:
        """What is due after a step: for the leading process to decide."""
        last = self.batch == self.config.steps_per_epoch
        if request := self._request():
            return request
        if not last and self._checkpoint_due():
            return SAVE
        due = last or self.step == 1 or self.accumulator.age >= EVENT_SECONDS
        return REPORT if due else GO_ON

    def _widen_when_due(self) -> None:
        """Go over to the next width of ``grow``, with what was learned so far."""
        width = width_at(self.config, self.step)
        if width <= self.engine.model.width:
            return
        self.engine.grow(width, self.step)
        self.best_accuracy, self.best_epoch = -1.0, self.epoch  # the best is to be a whole one
        parameters = count_parameters(self.engine.model)
        epoch = round(self.step / self.config.steps_per_epoch, 5)
        self.events.write("grow", step=self.step, epoch=epoch, width=width, parameters=parameters)
        log.info("Widened to %g of the width, %s parameters", width, f"{parameters:,}")

    def _report(self, lr: float) -> None:
        """Write a ``batch`` event for the batches since the last one."""
        sums, seconds = self.accumulator.flush()
        self.epoch_seconds += seconds
        images_per_s = sums.count / seconds
        self._demand_finite(sums.loss)
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            log.info(
                "Epoch %d/%d, batch %d of %d: loss %.4f, %.0f images/s",
                *(self.epoch + 1, self.config.epochs, self.batch, self.config.steps_per_epoch),
                *(sums.mean_loss, images_per_s),
            )
        self.events.write(
            "batch",
            step=self.step,
            epoch=round(self.epoch + self.batch / self.config.steps_per_epoch, 5),
            loss=sums.mean_loss,
            accuracy=sums.accuracy,
            lr=lr,
            images_per_s=round(images_per_s, 1),
            peak_memory=devices.peak_memory(self.engine.device),
        )

    def _finish_epoch(self) -> None:
        """Test, record the epoch, write checkpoints."""
        begin = time.monotonic()
        test_loss, test_accuracy, confusion = self.evaluate()
        total = self.accumulator.total
        self._demand_finite(total.loss, test_loss)
        self.epoch += 1
        self.batch = 0
        if self.watch:
            self.watch.record(self.step, self.epoch, test_accuracy, confusion)
        event = self.events.write(
            "epoch",
            step=self.step,
            epoch=self.epoch,
            train_loss=total.mean_loss,
            train_accuracy=total.accuracy,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            width=self.engine.model.width,
            seconds=round(self.epoch_seconds, 3),
            test_seconds=round(time.monotonic() - begin, 3),
            images_per_s=round(total.count / self.epoch_seconds, 1),
            peak_memory=devices.peak_memory(self.engine.device),
            watch_seconds=round(self.watch.seconds, 3) if self.watch else 0.0,
        )
        log.info(
            "Epoch %d/%d: Train => Loss: %.4f, Acc: %.4f | %s => Loss: %.4f, Acc: %.4f",
            *(self.epoch, self.config.epochs, total.mean_loss, total.accuracy),
            *(self.config.tested_on.capitalize(), test_loss, test_accuracy),
        )
        self.accumulator, self.epoch_seconds = MetricAccumulator(self.engine), 0.0
        # The best first: killed between the two, the run repeats this epoch and writes both.
        if test_accuracy > self.best_accuracy:
            self.best_accuracy, self.best_epoch = test_accuracy, self.epoch
            self._save_weights(self.files.best, event)
        if self.config.keeps(self.epoch):
            self._save_weights(self.files.epoch_weights(self.epoch), event, small=True)
        self.save()

    def evaluate(self) -> tuple[float, float, list[list[int]]]:
        """Mean loss, accuracy and confusion matrix on the test images, without dropout."""
        self.engine.sync_buffers()
        accumulator, told = MetricAccumulator(self.engine), time.monotonic()
        confusion = torch.zeros(len(CLASSES), len(CLASSES), device=self.engine.device)
        total, size = len(self.test_data), self.config.batch_size
        for start in range(0, total, size):
            result, counts = self.engine.test(self.test_data, slice(start, start + size))
            accumulator.add(result)
            confusion += counts
            if time.monotonic() - told >= EVENT_SECONDS:
                self.events.write("test", epoch=self.epoch + 1, done=accumulator.count, total=total)
                told = time.monotonic()
            self._save_if_wanted()
            if request := self.group.broadcast(self._request()):
                raise Interrupted(INTERRUPTIONS[request])
        accumulator.flush()
        matrix = self.group.all_reduce(confusion).long().tolist()
        return accumulator.total.mean_loss, accumulator.total.accuracy, matrix

    def _out_of_patience(self) -> bool:
        """Whether the test accuracy has not risen for as many epochs as early stopping allows.

        A network that is still to be widened goes on.
        """
        patience, whole = self.config.patience, self.engine.model.width == self.config.width
        return whole and 0 < patience <= self.epoch - self.best_epoch and self.best_epoch > 0

    def _request(self) -> int:
        """`PAUSE` or `STOP` once that was asked for, else `GO_ON`."""
        request = self.signalled or (self.files.request if self.group.is_main else "")
        return {"": GO_ON, "pause": PAUSE}.get(request, STOP)

    def _demand_finite(self, *losses: float) -> None:
        if not all(math.isfinite(loss) for loss in losses):
            kept = bool(self.files.checkpoints)
            raise TrainError(
                f"The loss became NaN or infinite at step {self.step}: the learning rate is too "
                "high for these settings. Start again with a lower one; "
                + ("the last good checkpoint is kept." if kept else "no checkpoint existed yet.")
            )

    def _announce(self) -> None:
        engine = self.engine
        name, parameters = devices.info(engine.device).name, count_parameters(engine.model)
        self.events.write(
            "start",
            config=self.config.to_json(),
            device=str(engine.device),
            device_name=name,
            precision=engine.precision,
            memory_format=engine.memory_format,
            processes=self.group.size,
            width=engine.model.width,
            **provenance(),
            parameters=parameters,
            step=self.step,
            epochs_done=self.epoch,
        )
        log.info(
            "Training on %s in %s, %s, %s parameters, from step %d of %d",
            *(name, engine.precision, engine.memory_format),
            *(f"{parameters:,}", self.step, self.config.total_steps),
        )

    # ------------------------------------------------------- the training state

    def save(self) -> None:
        """Write the whole state to ``last.safetensors``; the one before stays until it is safe.

        Raises:
            TrainError: when the weights are no longer finite, or nothing can be written.
        """
        self._saved_at = time.monotonic()
        self.engine.sync_buffers()
        if not self.group.is_main:  # all hold the same
            return
        engine = self.engine
        if not all(torch.isfinite(p).all() for p in engine.model.parameters()):
            self._demand_finite(float("nan"))
        tensors = {f"model.{name}": t for name, t in engine.model.state_dict().items()}
        total = self.accumulator.total
        optimizer, optimizer_tensors = checkpoint.split_state(engine.optimizer.state_dict())
        tensors |= {f"optimizer.{name}": t for name, t in optimizer_tensors.items()}
        state = {
            "config": self.config.to_json(),
            "run": self.files.id,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "tally": {"loss": total.loss, "hits": total.correct, "count": total.count},
            "precision": engine.precision,
            "memory_format": engine.memory_format,
            "epoch_seconds": self.epoch_seconds,
            "best_accuracy": self.best_accuracy,
            "best_epoch": self.best_epoch,
            "optimizer": optimizer,
            "scaler": engine.scaler.state_dict(),
        }
        with self._told_when_full(self.files.last):
            info = {**state, **checkpoint.describe(engine.model)}
            checkpoint.save(self.files.last, tensors, info, keep=self.files.previous)

    def _save_weights(self, path: Path, about: Mapping[str, Any], small: bool = False) -> None:
        """Write the network alone, without normalisations; in 8 bits where ``small``.

        Args:
            about: an epoch's event.
        """
        if self.group.is_main:
            with self._told_when_full(path):
                self._write_weights(path, about, small)

    def _write_weights(self, path: Path, about: Mapping[str, Any], small: bool) -> None:
        info = {key: about[key] for key in ("epoch", "test_accuracy", "test_loss") if key in about}
        info |= {"run": self.files.id, "step": self.step, "config": self.config.to_json()}
        save = checkpoint.save_quantized if small else checkpoint.save_weights
        save(path, fuse_batchnorm(self.engine.model), info)

    def _save_if_wanted(self) -> None:
        """Write the weights as they are, where somebody waits for them."""
        if self.group.is_main and self.files.weights_request.exists():
            try:
                self.files.weights_request.unlink(missing_ok=True)
                self._write_weights(self.files.now, {"epoch": self.epoch}, small=True)
            except OSError as error:  # whoever only looks does not end a training
                log.warning("The weights of now could not be written: %s", error)

    @contextmanager
    def _told_when_full(self, path: Path) -> Iterator[None]:
        """Record a checkpoint once it is written; say in a sentence why it was not."""
        try:
            yield
        except OSError as error:
            raise TrainError(
                f"The checkpoint {path.name} could not be written ({error}): free disk space or "
                "make the folder writable, then resume; the checkpoint before it is kept."
            ) from error
        self.events.write("checkpoint", step=self.step, epoch=self.epoch, file=path.name)

    def _restore_newest(self) -> str:
        """Take up the newest state that is whole, where there is any.

        Returns:
            What to tell where the newest was not; else nothing.

        Raises:
            CheckpointError: when none is; of the newest.
        """
        states = "\n".join(map(str, self.files.checkpoints if self.group.is_main else ()))
        broken: list[errors.CheckpointError] = []
        for path in self.group.broadcast_object(states).splitlines():
            try:
                self.restore(Path(path))
            except errors.CheckpointError as error:
                broken.append(error)
            else:
                return f"{broken[0]} The run went on from the one before it." if broken else ""
        if broken:
            raise broken[0]
        return ""

    def restore(self, path: Path) -> None:
        """Take up the state that `save` wrote, to go on as if nothing had happened.

        Raises:
            CheckpointError: when the file is damaged or belongs to another network.
        """
        tensors, state = checkpoint.load(path)
        engine, set_model = self.engine, checkpoint.strip_prefix
        try:
            if state["config"]["width"] != self.config.width:
                raise ValueError("another width")
            # Measured anew they might differ.
            engine.precision, engine.memory_format = state["precision"], state["memory_format"]
            model = AlexNet(**state["model"])
            model.load_state_dict(set_model(tensors, "model."))
            engine.set_model(model)
            optimizer = checkpoint.join_state(state["optimizer"], set_model(tensors, "optimizer."))
            engine.optimizer.load_state_dict(optimizer)
            engine.scaler.load_state_dict(state["scaler"])
            self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
            tally = state["tally"]  # its keys are those of 0.5
            total = Metrics(tally["loss"], tally["hits"], tally["count"])
            self.accumulator = MetricAccumulator(engine, total)
            self.epoch_seconds = state["epoch_seconds"]
            self.best_accuracy, self.best_epoch = state["best_accuracy"], state["best_epoch"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise errors.CheckpointError(
                f"{path} does not hold the training state of this run: start a new run."
            ) from error

    def _checkpoint_due(self) -> bool:
        minutes = self.config.checkpoint_minutes
        return minutes > 0 and time.monotonic() - self._saved_at >= 60 * minutes
