"""The training loop: what the article's does, on the device, with pauses and checkpoints."""

from __future__ import annotations

import logging
import math
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from alexnet_demo import __version__, checkpoint
from alexnet_demo import device as devices
from alexnet_demo.config import TrainConfig
from alexnet_demo.data import epoch_order, load_split
from alexnet_demo.device import autocast
from alexnet_demo.events import EventWriter
from alexnet_demo.files import sweep
from alexnet_demo.model import AlexNet, count_parameters
from alexnet_demo.runs import Run

EVENT_SECONDS = 0.5
"""Least time between two events of a kind; on a GPU, reading metrics makes the host wait."""
LOG_SECONDS = 10.0

log = logging.getLogger(__name__)


class Interrupted(Exception):  # noqa: N818 - no error
    """Somebody asked the training to pause or stop."""


class TrainError(RuntimeError):
    """The training cannot go on; the message is one sentence for the user."""


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    x: Tensor,
    y: Tensor,
    precision: str = "fp32",
) -> tuple[Tensor, Tensor]:
    """One step of the article's loop.

    Nothing in it makes the host wait for the device, but fp16's check for overflow.

    Args:
        x: pictures (B, 1, 224, 224).
        y: labels (B,).

    Returns:
        The mean loss, a scalar, and the logits (B, 10), both detached and on the device.
    """
    optimizer.zero_grad()
    with autocast(x.device, precision):
        logits = model(x)
    loss = cross_entropy(logits.float(), y)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss.detach(), logits.detach()


@dataclass
class Sums:
    """Summed loss, hits and samples of some batches."""

    loss: float = 0.0
    hits: float = 0.0
    count: int = 0

    @property
    def mean_loss(self) -> float:
        return self.loss / self.count

    @property
    def accuracy(self) -> float:
        return self.hits / self.count


class Tally:
    """Sums that stay on the device until `drain` asks for them.

    Attributes:
        total: all that was drained, in float64, which the device may not have.
    """

    def __init__(self, device: torch.device, total: Sums | None = None) -> None:
        self.total = total or Sums()
        self._device = device
        self._fresh()

    def _fresh(self) -> None:
        self._sums = torch.zeros(2, device=self._device)
        self.count = 0
        self._since = time.perf_counter()

    @property
    def age(self) -> float:
        """Seconds since the last drain."""
        return time.perf_counter() - self._since

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch with its mean loss."""
        hits = (logits.argmax(1) == labels).sum()
        self._sums += torch.stack([loss * len(labels), hits])
        self.count += len(labels)

    def drain(self) -> tuple[Sums, float]:
        """The sums and seconds since the last call, which go into `total`; waits for the device."""
        loss, hits = self._sums.tolist()
        sums, seconds = Sums(loss, hits, self.count), self.age
        total = self.total
        self.total = Sums(total.loss + loss, total.hits + hits, total.count + sums.count)
        self._fresh()
        return sums, seconds


class Trainer:
    """A training and its position: ``epoch`` done so far, ``batch`` within the next, ``step``."""

    def __init__(self, config: TrainConfig, directory: Path, events: EventWriter) -> None:
        self.config, self.events, self.files = config, events, Run(directory)
        self.device = devices.resolve(config.device)
        self.precision = devices.choose_precision(config.precision, self.device)
        torch.manual_seed(config.seed)
        self.model = AlexNet(width=config.width)
        self.model.to(self.device).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self.epoch = self.batch = self.step = 0
        self.tally = Tally(self.device)
        self.epoch_seconds = 0.0
        self.best_accuracy = -1.0
        self.signalled = ""
        self._saved_at = self._logged_at = time.monotonic()

    # -------------------------------------------------------------- the loop

    def run(self) -> str:
        """Train to the end, or until asked to pause or stop.

        Returns:
            ``finished``, ``paused`` or ``stopped``.
        """
        self.train_data = load_split(train=True, device=self.device).head(self.config.train_samples)
        self.test_data = load_split(train=False, device=self.device).head(self.config.test_samples)
        sweep(self.files.last.parent)
        if self.files.last.exists():
            self.restore(self.files.last)
        self._announce()
        try:
            while self.epoch < self.config.epochs:
                self._train_epoch()
                self._finish_epoch()
            reason = "finished"
        except Interrupted as interrupted:
            reason = str(interrupted)
            self.save()
        self.events.write("end", reason=reason, step=self.step)
        return reason

    def _train_epoch(self) -> None:
        """The rest of the current epoch, from ``self.batch`` on."""
        order = epoch_order(len(self.train_data), self.config.seed, self.epoch).to(self.device)
        batches = self.train_data.batches(self.config.batch_size, order, first=self.batch)
        self.model.train()
        self.tally = Tally(self.device, self.tally.total)  # its clock begins with the first batch
        for x, y in batches:
            loss, logits = train_step(self.model, self.optimizer, self.scaler, x, y, self.precision)
            self.tally.add(loss, logits, y)
            self.batch += 1
            self.step += 1
            last = self.batch == self.config.steps_per_epoch
            request, due = self._request(), not last and self._checkpoint_due()
            # A checkpoint begins a new window, so that a resumed curve has no gap.
            if last or due or request or self.step == 1 or self.tally.age >= EVENT_SECONDS:
                self._report()
            if due:
                self.save()
            if request:
                raise Interrupted(request)

    def _report(self) -> None:
        """Write a ``batch`` event for the batches since the last one."""
        sums, seconds = self.tally.drain()
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
            lr=self.optimizer.param_groups[0]["lr"],
            images_per_s=round(images_per_s, 1),
            peak_memory=devices.peak_memory(self.device),
        )

    def _finish_epoch(self) -> None:
        """Test, record the epoch, write checkpoints."""
        begin = time.monotonic()
        test_loss, test_accuracy = self.evaluate()
        total = self.tally.total
        self._demand_finite(total.loss, test_loss)
        self.epoch += 1
        self.batch = 0
        event = self.events.write(
            "epoch",
            step=self.step,
            epoch=self.epoch,
            train_loss=total.mean_loss,
            train_accuracy=total.accuracy,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            seconds=round(self.epoch_seconds, 3),
            test_seconds=round(time.monotonic() - begin, 3),
            images_per_s=round(total.count / self.epoch_seconds, 1),
            peak_memory=devices.peak_memory(self.device),
        )
        log.info(
            "Epoch %d/%d: Train => Loss: %.4f, Acc: %.4f | Test => Loss: %.4f, Acc: %.4f",
            *(self.epoch, self.config.epochs, total.mean_loss, total.accuracy),
            *(test_loss, test_accuracy),
        )
        self.tally, self.epoch_seconds = Tally(self.device), 0.0
        # The best first: killed between the two, the run repeats this epoch and writes both.
        if test_accuracy > self.best_accuracy:
            self.best_accuracy = test_accuracy
            self._save_best(event)
        self.save()

    def evaluate(self) -> tuple[float, float]:
        """Mean loss and accuracy on the test images, without dropout."""
        tally, told = Tally(self.device), time.monotonic()
        self.model.eval()
        with torch.no_grad():
            for x, y in self.test_data.batches(self.config.batch_size):
                with autocast(self.device, self.precision):
                    logits = self.model(x).float()
                tally.add(cross_entropy(logits, y), logits, y)
                if time.monotonic() - told >= EVENT_SECONDS:
                    total = len(self.test_data)
                    self.events.write("test", epoch=self.epoch + 1, done=tally.count, total=total)
                    told = time.monotonic()
                if request := self._request():
                    raise Interrupted(request)
        tally.drain()
        return tally.total.mean_loss, tally.total.accuracy

    def _request(self) -> str:
        """``paused`` or ``stopped`` once that was asked for, else empty."""
        request = self.signalled or self.files.requested
        return {"": "", "pause": "paused"}.get(request, "stopped")

    def _demand_finite(self, *losses: float) -> None:
        if not all(math.isfinite(loss) for loss in losses):
            kept = self.files.last.exists()
            raise TrainError(
                f"The loss became NaN or infinite at step {self.step}: the learning rate is too "
                "high for these settings. Start again with a lower one; "
                + ("the last good checkpoint is kept." if kept else "no checkpoint existed yet.")
            )

    def _announce(self) -> None:
        self.events.write(
            "start",
            config=self.config.to_json(),
            device=str(self.device),
            device_name=devices.info(self.device).name,
            precision=self.precision,
            versions={
                "alexnet_demo": __version__,
                "torch": torch.__version__,
                "torchvision": torchvision.__version__,
                "python": platform.python_version(),
            },
            parameters=count_parameters(self.model),
            step=self.step,
            epochs_done=self.epoch,
        )
        log.info(
            "Training on %s in %s, %s parameters, from step %d of %d",
            *(devices.info(self.device).name, self.precision),
            *(f"{count_parameters(self.model):,}", self.step, self.config.total_steps),
        )

    # ------------------------------------------------------- the training state

    def save(self) -> None:
        """Write the whole state to ``last.safetensors``; the one before stays until it is safe.

        Raises:
            TrainError: when the weights are no longer finite, or nothing can be written.
        """
        if not all(torch.isfinite(p).all() for p in self.model.parameters()):
            self._demand_finite(float("nan"))
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        optimizer, optimizer_tensors = checkpoint.split_state(self.optimizer.state_dict())
        tensors |= {f"optimizer.{name}": t for name, t in optimizer_tensors.items()}
        tensors |= {f"random.{name}": t for name, t in devices.random_state(self.device).items()}
        state = {
            "config": self.config.to_json(),
            "run": self.files.id,
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "tally": asdict(self.tally.total),
            "precision": self.precision,
            "epoch_seconds": self.epoch_seconds,
            "best_accuracy": self.best_accuracy,
            "optimizer": optimizer,
            "scaler": self.scaler.state_dict(),
        }
        self._write(self.files.last, tensors, {**state, **checkpoint.describe(self.model)})

    def _save_best(self, epoch: Mapping[str, Any]) -> None:
        about = {key: epoch[key] for key in ("epoch", "test_accuracy", "test_loss")}
        about |= {"run": self.files.id, "config": self.config.to_json()}
        about |= checkpoint.describe(self.model)
        self._write(self.files.best, self.model.state_dict(), about)

    def _write(self, path: Path, tensors: Mapping[str, Tensor], info: Mapping[str, Any]) -> None:
        try:
            checkpoint.save(path, tensors, info)
        except OSError as error:
            raise TrainError(
                f"The checkpoint {path.name} could not be written ({error}): free disk space or "
                "make the folder writable, then resume; the checkpoint before it is kept."
            ) from error
        self._saved_at = time.monotonic()
        self.events.write("checkpoint", step=self.step, epoch=self.epoch, file=path.name)

    def restore(self, path: Path) -> None:
        """Take up the state that `save` wrote, to go on as if nothing had happened.

        Raises:
            CheckpointError: when the file is damaged or belongs to another network.
        """
        tensors, state = checkpoint.load(path)
        take = checkpoint.strip_prefix
        try:
            self.model.load_state_dict(take(tensors, "model."))
            optimizer = checkpoint.join_state(state["optimizer"], take(tensors, "optimizer."))
            self.optimizer.load_state_dict(optimizer)
            self.scaler.load_state_dict(state["scaler"])
            self.epoch, self.batch, self.step = state["epoch"], state["batch"], state["step"]
            self.tally = Tally(self.device, Sums(**state["tally"]))
            self.precision = state["precision"]  # measured anew it might differ
            self.epoch_seconds = state["epoch_seconds"]
            self.best_accuracy = state["best_accuracy"]
            devices.set_random_state(take(tensors, "random."), self.device)
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise checkpoint.CheckpointError(
                f"{path} does not hold the training state of this run: start a new run."
            ) from error

    def _checkpoint_due(self) -> bool:
        minutes = self.config.checkpoint_minutes
        return minutes > 0 and time.monotonic() - self._saved_at >= 60 * minutes
