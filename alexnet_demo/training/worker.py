"""A run's process: locks, priority, signals, and errors as one sentence for the user."""

from __future__ import annotations

import errno
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import TextIO

import psutil
import torch
from filelock import FileLock

from alexnet_demo.common.errors import CheckpointError, ConfigError, DataError, TrainError
from alexnet_demo.common.signals import signal_handlers
from alexnet_demo.common.text import memory
from alexnet_demo.network import device as devices
from alexnet_demo.runs import ray_client
from alexnet_demo.runs.devices import conflict, device_lock
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.locks import trainer_lock
from alexnet_demo.runs.process_info import register
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.distributed import PROCESS_LOST, ProcessGroup
from alexnet_demo.training.trainer import Trainer

USER_ERRORS = (ConfigError, DataError, CheckpointError, TrainError)
"""Errors whose message is for the user already."""
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""How CUDA, its libraries, Linux, and Windows report it, in lower case."""
DEVICE_LOST = ("cuda error", "cuda driver error", "mps backend error")
"""How PyTorch reports that a GPU failed, in lower case."""
LOCK_SECONDS = 1.0
"""Others hold a device's lock for a moment to see whether it is free."""
CLUSTER_SECONDS = 120.0
"""A trainer on a node that the cluster gave up may hold its run's lock for this long."""
NICE = 10
"""The trainer's priority on Unix: 0 is the default, 19 the lowest."""

log = logging.getLogger(__name__)


def run_training(
    config: TrainConfig,
    directory: Path,
    echo: TextIO | None = None,
    group: ProcessGroup | None = None,
) -> str:
    """Train in this process, alone or in a group, in a run directory that `prepare` made.

    Resumes from the newest checkpoint if there is one. The events record how it ends: an ``end``,
    or an ``error`` with one sentence; its traceback is in the log.

    Returns:
        ``finished``, ``paused`` or ``stopped``.

    Raises:
        ConfigError, DataError, CheckpointError, TrainError: with that sentence.
    """
    group = group or ProcessGroup()
    if not group.is_main:
        return _run(config, directory, EventWriter(None), group)
    seconds = CLUSTER_SECONDS if ray_client.own_job() else LOCK_SECONDS
    taken = ConfigError(f"{directory.name} is already training in another process.")
    with _hold(trainer_lock(directory), seconds, lambda: taken):
        # Not before: a process that is too late must not replace the one that trains.
        register(directory, os.getpid())
        return _run(config, directory, EventWriter(directory / "events.jsonl", echo), group)


def _run(config: TrainConfig, directory: Path, events: EventWriter, group: ProcessGroup) -> str:
    try:
        if (directory / "checkpoints").is_symlink():  # a directory from elsewhere
            raise ConfigError(
                f"{directory.name} cannot be trained, since its checkpoints folder is a link: put "
                "the folder itself there."
            )
        device = str(devices.resolve(config.device, group.gpu))
        shared = device == "cpu" and not group.is_main  # rank 0 holds the CPU for all
        with nullcontext() if shared else hold_device(device, directory.name):
            _lower_priority()
            devices.keep_freed_memory()
            trainer = Trainer(config, directory, events, group)

            def stop(number: int, _frame: FrameType | None) -> None:
                trainer.signal_request = "stop"
                log.info(f"Stopping after this step ({signal.Signals(number).name})")

            with signal_handlers(stop, signal.SIGINT, signal.SIGTERM):
                return trainer.run()
    except Exception as error:
        known = isinstance(error, USER_ERRORS)
        message = str(error) if known else _explain(error, config, group)
        # What the user can fix needs no traceback; the cause behind it does.
        log.error(message, exc_info=not known or error.__cause__ is not None)
        with suppress(OSError):  # the disk may be full
            events.write("error", message=message)
        if known:
            raise
        raise TrainError(message) from error
    finally:
        with suppress(OSError):
            events.close()


def _explain(error: Exception, config: TrainConfig, group: ProcessGroup) -> str:
    """One sentence for the user about an error that was not foreseen: what happened, what to do."""
    text = str(error)

    def mentions(phrases: tuple[str, ...]) -> bool:
        return any(phrase in text.lower() for phrase in phrases)

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and mentions(OUT_OF_MEMORY)
    ):
        device = devices.resolve(config.device)
        used, total = devices.peak_memory(device), devices.info(device).memory
        return (
            f"Out of memory with batch size {config.batch_size} at width {config.width:g} "
            f"({memory(used)} in use of {memory(total)}): try a batch size of "
            f"{max(1, config.batch_size // 2)}."
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full: free some space, then resume. The last checkpoint is kept."
    if mentions(DEVICE_LOST):
        return (
            f"The GPU stopped responding ({text.splitlines()[0]}): once it is back, resume from "
            "the last checkpoint, on this machine or another."
        )
    if group.is_peer_failure(error):
        return PROCESS_LOST.format(size=group.size)
    return f"Training failed ({type(error).__name__}: {error}). The log has the details."


def hold_device(device: str, run_id: str = "") -> AbstractContextManager[None]:
    """Hold a device's lock, so that one run at a time uses it.

    Args:
        run_id: the run that is to use it; empty for a test without a run.

    Raises:
        ConfigError: when another run holds it.
    """
    # On a cluster wait rather than fail: nodes may share a machine.
    seconds = -1 if ray_client.own_job() else LOCK_SECONDS
    return _hold(device_lock(device), seconds, lambda: conflict(device, excluding=run_id))


@contextmanager
def _hold(lock: FileLock, seconds: float, error: Callable[[], ConfigError]) -> Iterator[None]:
    """Hold a lock, or raise this error when it is still taken after so many seconds."""
    try:
        lock.acquire(timeout=seconds)
    except TimeoutError:
        raise error() from None
    try:
        yield
    finally:
        lock.release()


def _lower_priority() -> None:
    """Lower this process's priority, so that the pages stay responsive."""
    process = psutil.Process()
    with suppress(psutil.Error):  # it may be lower already, which cannot be undone
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else NICE)
    # Linux may divide the CPU between sessions first, and heed priorities only within each.
    if psutil.LINUX and os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICE))
