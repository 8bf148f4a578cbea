"""Locks under ``runs/``, which the system frees when their holder dies. Imports no torch."""

from __future__ import annotations

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


def is_held(lock: FileLock, seconds: float = 0.0) -> bool:
    """Whether somebody holds a lock, and still does after so many seconds."""
    try:
        with lock.acquire(timeout=seconds):
            return False
    except TimeoutError:
        return True


def has_trainer(directory: Path, seconds: float = 0.0) -> bool:
    """Whether a trainer of any machine holds a run, and still does after so many seconds.

    Machines that share a folder see each other's locks, unless its file system has none.
    """
    lock = trainer_lock(directory)
    try:
        return Path(lock.lock_file).exists() and is_held(lock, seconds)
    except OSError:  # a folder that cannot be written
        return False
