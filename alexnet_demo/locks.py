"""Locks under ``runs/``, which the system frees when their holder dies. Imports no torch."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from filelock import FileLock

from alexnet_demo.settings import paths


def launch_lock() -> FileLock:
    """Held while a run is started, changed or deleted, so that two cannot both do it."""
    paths.RUNS_DIR.mkdir(parents=True, exist_ok=True)
    return FileLock(paths.RUNS_DIR / ".launch.lock", timeout=10)


def trainer_lock(directory: Path) -> FileLock:
    """The lock that a trainer holds on its run."""
    return FileLock(directory / "trainer.lock")


def device_lock(device: str) -> FileLock:
    """The lock that a trainer holds on a device."""
    folder = paths.RUNS_DIR / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    # Several machines may share the folder.
    name = f"{platform.node()}-{_as_numbered_by_the_system(device)}".replace(":", "-")
    return FileLock(folder / f"{name}.lock")


def _as_numbered_by_the_system(device: str) -> str:
    """The GPU that ``cuda:N`` means where ``CUDA_VISIBLE_DEVICES`` hides or reorders some."""
    kind, _, index = device.partition(":")
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if kind != "cuda" or not index.isdecimal() or int(index) >= len(visible):
        return device
    return f"{kind}:{visible[int(index)] or index}"


def locked(device: str) -> bool:
    """Whether a training holds this device; any, for a name that several may answer to.

    It need not be one of ``runs/``: ``--run-dir`` may name another place.
    """
    locks = [device_lock(device)]
    if device in ("auto", "cuda"):
        folder = Path(locks[0].lock_file).parent
        locks = [FileLock(path) for path in folder.glob(f"{platform.node()}-*.lock")]
    return any(map(held, locks))


def held(lock: FileLock, seconds: float = 0.0) -> bool:
    """Whether somebody holds a lock, and still does after so many seconds."""
    try:
        with lock.acquire(timeout=seconds):
            return False
    except TimeoutError:
        return True


def trained(directory: Path, seconds: float = 0.0) -> bool:
    """Whether a trainer of any machine holds a run, and still does after so many seconds.

    Machines that share a folder see each other's locks, unless its file system has none.
    """
    lock = trainer_lock(directory)
    try:
        return Path(lock.lock_file).exists() and held(lock, seconds)
    except OSError:  # a folder that cannot be written
        return False
