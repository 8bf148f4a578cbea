"""A run's process: locks, priority, signals, and errors as one sentence for the user."""

from __future__ import annotations

import errno
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TextIO

import psutil
import torch
from filelock import FileLock

from alexnet_demo.common.errors import CheckpointError, ConfigError, DataError, TrainError
from alexnet_demo.common.signals import signal_handlers
from alexnet_demo.common.text import memory, one_line
from alexnet_demo.network import device as devices
from alexnet_demo.runs import ray_client
from alexnet_demo.runs.devices import conflict, device_lock, record
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.locks import trainer_lock
from alexnet_demo.runs.process_info import register
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.distributed import PROCESS_LOST, ProcessGroup
from alexnet_demo.training.trainer import Trainer

USER_ERRORS = (ConfigError, DataError, CheckpointError, TrainError)
"""Errors whose message is for the user already."""
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
"""How CUDA, cuBLAS, cuDNN, Linux, and Windows report it, in lower case."""
GPU_ERRORS = (
    (
        ("no kernel image", "invalid device function"),
        "This PyTorch has no code for {device} ({detail}): install a build for its compute "
        "capability, see https://pytorch.org, or choose another device.",
    ),
    (
        ("device-side assert",),
        "A computation on {device} had an invalid input, such as a label that is no class: start "
        "with CUDA_LAUNCH_BLOCKING=1, or on the CPU, and the log names the operation.",
    ),
    (
        ("nccl",),
        "The GPUs of this run could not communicate, or one of its processes is gone ({detail}): "
        "resume from the last checkpoint, with NCCL_DEBUG=INFO to see why, or with --devices 1.",
    ),
    (
        ("cudnn", "cublas", "unable to find an engine"),
        "A library failed on {device} ({detail}): if its memory is nearly full ({used} in use of "
        "{total}), try a batch size of {half}; else update the driver and PyTorch.",
    ),
    (
        ("driver version is insufficient", "driver on your system is too old"),
        "The driver of {device} is too old for this PyTorch: update it, or choose the cpu.",
    ),
    (
        ("cuda error", "cuda driver error", "hip error", "mps backend error"),
        "The GPU stopped responding ({detail}): once it is back, resume from the last checkpoint, "
        "on this machine or another.",
    ),
)
"""What PyTorch reports of a GPU, in lower case, and a sentence; the first that fits counts."""
LOCK_SECONDS = 1.0
"""Others hold a device's lock for a moment to see whether it is free."""
LOCK_TURN_SECONDS = 0.1
"""How long each lock is tried: more than such a moment, so that no free device is passed over."""
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
    with _hold([trainer_lock(directory)], seconds, lambda: taken):
        # Not before: a process that is too late must not replace the one that trains.
        register(directory, os.getpid())
        return _run(config, directory, EventWriter(directory / "events.jsonl", echo), group)


def _run(config: TrainConfig, directory: Path, events: EventWriter, group: ProcessGroup) -> str:
    device = torch.device("cpu")
    try:
        if (directory / "checkpoints").is_symlink():  # a directory from elsewhere
            raise ConfigError(
                f"{directory.name} cannot be trained, since its checkpoints folder is a link: put "
                "the folder itself there."
            )
        with hold_device(config, directory.name, group) as device:
            if device.type == "cpu":  # to feed a GPU takes little, but at once
                _lower_priority()
            devices.keep_freed_memory()
            trainer = Trainer(config, directory, events, group, device)

            def stop(number: int, _frame: FrameType | None) -> None:
                trainer.signal_request = "stop"
                log.info(f"Stopping after this step ({signal.Signals(number).name})")

            with signal_handlers(stop, signal.SIGINT, signal.SIGTERM):
                return trainer.run()
    except Exception as error:
        known = isinstance(error, USER_ERRORS)
        message = str(error) if known else _explain(error, config, group, device)
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


def _explain(
    error: Exception, config: TrainConfig, group: ProcessGroup, device: torch.device
) -> str:
    """One sentence for the user about an error that was not foreseen: what happened, what to do."""
    text = one_line(str(error))

    def mentions(phrases: tuple[str, ...]) -> bool:
        return any(phrase in text.lower() for phrase in phrases)

    half = max(1, config.batch_size // 2)
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and mentions(OUT_OF_MEMORY)
    ):
        used, total = _memory_in_use(device)
        return (
            f"Out of memory with batch size {config.batch_size} at width {config.width:g} "
            f"({used} in use of {total}): try a batch size of {half}."
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full: free some space, then resume. The last checkpoint is kept."
    for phrases, sentence in GPU_ERRORS:
        if mentions(phrases):
            used, total = _memory_in_use(device)
            detail = str(error).strip().splitlines()[0]
            return sentence.format(device=device, detail=detail, used=used, total=total, half=half)
    if group.is_peer_failure(error):
        return PROCESS_LOST.format(size=group.size)
    return f"Training failed ({type(error).__name__}: {error}). The log has the details."


def _memory_in_use(device: torch.device) -> tuple[str, str]:
    """Memory in use and in all, in words; a GPU that has failed tells neither."""
    try:
        used, total = devices.memory_in_use(device)
    except RuntimeError:
        return "an unknown part", "its memory"
    return memory(used), memory(total)


@contextmanager
def hold_device(
    settings: TrainConfig, run_id: str = "", group: ProcessGroup | None = None
) -> Iterator[torch.device]:
    """Hold the lock of a device, so that one run at a time uses it; yield the device.

    ``auto`` and ``cuda`` take the first GPU that is free; in a group, each process its own.

    Args:
        run_id: the run that is to use it; empty for a test without a run.

    Raises:
        ConfigError: when there is no such device, or other runs hold it.
    """
    group = group or ProcessGroup()
    choices = devices.choices(settings.device)
    if group.size > 1:
        choices = [devices.resolve(settings.device, group.gpu)]
    uuids = {"cpu": "cpu"}
    if settings.device != "cpu":
        uuids = devices.uuids()
        record(uuids)
    if choices[0].type == "cpu" and not group.is_main:  # rank 0 holds the CPU for all
        yield choices[0]
        return
    # On a cluster wait rather than fail: nodes may share a machine.
    seconds = math.inf if ray_client.own_job() else LOCK_SECONDS
    locks = [device_lock(uuids[str(choice)]) for choice in choices]
    with _hold(locks, seconds, lambda: conflict(settings, excluding=run_id)) as held:
        yield choices[held]


@contextmanager
def _hold(
    locks: Sequence[FileLock], seconds: float, error: Callable[[], ConfigError]
) -> Iterator[int]:
    """Hold the first lock that is free, and yield its index.

    Raises:
        ConfigError: this error, when all are still taken after so many seconds.
    """
    give_up_at = time.monotonic() + seconds
    while (index := _acquire_one(locks)) is None:
        if time.monotonic() >= give_up_at:
            raise error()
    try:
        yield index
    finally:
        locks[index].release()


def _acquire_one(locks: Sequence[FileLock]) -> int | None:
    """Acquire the first lock that is free, and return its index; None if all are taken."""
    for index, lock in enumerate(locks):
        with suppress(TimeoutError):
            lock.acquire(timeout=LOCK_TURN_SECONDS)
            return index
    return None


def _lower_priority() -> None:
    """Lower this process's priority, so that the pages stay responsive."""
    process = psutil.Process()
    with suppress(psutil.Error):  # it may be lower already, which cannot be undone
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else NICE)
    # Linux may divide the CPU between sessions first, and heed priorities only within each.
    if psutil.LINUX and os.getsid(0) == os.getpid():
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICE))
