"""One training as a process: its device's lock, its priority, its signals, and how it ends."""

from __future__ import annotations

import errno
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TextIO

import psutil
import torch

from alexnet_demo.common.errors import CheckpointError, ConfigError, DataError, TrainError
from alexnet_demo.common.signals import signal_handlers
from alexnet_demo.common.text import memory
from alexnet_demo.network import device as devices
from alexnet_demo.runs import ray_client
from alexnet_demo.runs.devices import conflict, device_lock
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.locks import trainer_lock
from alexnet_demo.runs.process_info import is_registered, register
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.distributed import PROCESS_LOST, ProcessGroup
from alexnet_demo.training.trainer import Trainer

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""How CUDA, its libraries, Linux and Windows say it, in small letters."""
DEVICE_LOST = ("cuda error", "cuda driver error", "mps backend error")
"""How PyTorch begins to tell that a GPU failed, in small letters."""
LOOK_SECONDS = 1.0
"""For so long a device may be held by one who only looks whether it is free."""
CLUSTER_SECONDS = 120.0
"""For so long a trainer on a node that a cluster gave up may hold its run."""
NICE = 10
"""The trainer's priority on Unix; 0 is the usual one, 19 the lowest."""

log = logging.getLogger(__name__)


def run_training(
    config: TrainConfig,
    directory: Path,
    echo: TextIO | None = None,
    group: ProcessGroup | None = None,
) -> str:
    """Train in this process, alone or with a team, in a run directory that `prepare` made.

    Goes on from ``checkpoints/last.safetensors`` where there is one. Whatever ends it, the
    events tell: an ``end``, or an ``error`` with one sentence and the traceback in the log.

    Returns:
        ``finished``, ``paused`` or ``stopped``.

    Raises:
        ConfigError, DataError, CheckpointError, TrainError: with that sentence.
    """
    group = group or ProcessGroup()
    if not group.is_main:
        return _run(config, directory, echo, group)
    with _alone(directory):
        # Only now: one that came too late must not take the place of the one that trains.
        if not is_registered(directory, os.getpid()):
            register(directory, os.getpid())
        return _run(config, directory, echo, group)


def _run(config: TrainConfig, directory: Path, echo: TextIO | None, group: ProcessGroup) -> str:
    # Of a team, one process writes.
    events = (
        EventWriter(directory / "events.jsonl", echo) if group.is_main else EventWriter.silent()
    )
    try:
        with _translated_errors(config, group):
            device = str(devices.resolve(config.device, group.local_rank))
            own = group.is_main or device != "cpu"  # a team shares the CPU
            with hold_device(device, directory.name) if own else nullcontext():
                _yield_to_others()
                devices.keep_freed_memory()
                trainer = Trainer(config, directory, events, group)
                with _signals(trainer):
                    return trainer.run()
    except (ConfigError, DataError, CheckpointError, TrainError) as error:
        # What the user can mend needs no traceback; what lies behind another error does.
        log.error("%s", error, exc_info=error.__cause__ is not None)
        with suppress(OSError):  # the disk may be full
            events.write("error", message=str(error))
        raise
    finally:
        with suppress(OSError):
            events.close()


@contextmanager
def _translated_errors(config: TrainConfig, group: ProcessGroup) -> Iterator[None]:
    """Turn running out of memory, and whatever nobody foresaw, into one sentence."""
    try:
        yield
    except (ConfigError, DataError, CheckpointError, TrainError):
        raise
    except Exception as error:
        if _out_of_memory(error):
            raise TrainError(
                f"Out of memory with batch size {config.batch_size} at width {config.width:g} "
                f"({_memory(config.device)}): try a batch size of {max(1, config.batch_size // 2)}."
            ) from error
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise TrainError(
                "The disk is full: free some space, then resume; the last checkpoint is kept."
            ) from error
        if any(words in str(error).lower() for words in DEVICE_LOST):
            raise TrainError(
                f"The GPU stopped answering ({str(error).splitlines()[0]}): resume goes on from "
                "the last checkpoint once it is back, on this machine or another."
            ) from error
        if group.lost(error):
            raise TrainError(PROCESS_LOST.format(size=group.size)) from error
        raise TrainError(
            f"The training broke off ({type(error).__name__}: {error}); the log says more."
        ) from error


def _out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(words in text for words in OUT_OF_MEMORY)
    )


def _memory(name: str) -> str:
    """How much memory a device has and how much this training took, as words."""
    device = devices.resolve(name)
    used, total = devices.peak_memory(device), devices.info(device).memory
    return f"{memory(used)} in use of {memory(total)}"


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the run's lock: on storage that machines share, two might go on with one run."""
    lock = trainer_lock(directory)
    try:
        lock.acquire(timeout=CLUSTER_SECONDS if ray_client.own() else LOOK_SECONDS)
    except TimeoutError:
        raise ConfigError(f"{directory.name} is trained by another process already.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def hold_device(device: str, run_id: str = "") -> Iterator[None]:
    """Hold a device's lock, so that one training at a time has it.

    Args:
        run_id: the run that is to have it; empty for what is none.

    Raises:
        ConfigError: when another training has it.
    """
    lock = device_lock(device)
    try:
        # What a cluster places waits rather than fails: nodes may share a machine.
        lock.acquire(timeout=-1 if ray_client.own() else LOOK_SECONDS)
    except TimeoutError:
        raise conflict(device, excluding=run_id) from None
    try:
        yield
    finally:
        lock.release()


def _yield_to_others() -> None:
    """Lower this process's priority, so that the web pages stay quick beside it."""
    process = psutil.Process()
    with suppress(psutil.Error):  # somebody may have given it a lower one already
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else NICE)
    # Linux may share the processors between sessions first, and only within one by priority.
    if psutil.LINUX and os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICE))


@contextmanager
def _signals(trainer: Trainer) -> Iterator[None]:
    """Ctrl+C and a polite kill stop at the end of the step, with the checkpoint written."""

    def stop(number: int, _frame: object) -> None:
        trainer.signalled = "stop"
        log.info("Stopping at the end of this step (%s)", signal.Signals(number).name)

    with signal_handlers(stop, signal.SIGINT, signal.SIGTERM):
        yield
