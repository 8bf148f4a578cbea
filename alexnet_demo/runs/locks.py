"""Locks on ``runs/`` and on single runs, which the system frees when their holder dies."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from alexnet_demo.common.files import is_file
from alexnet_demo.settings import paths

LAUNCH_SECONDS = 10.0
"""How long an action waits for the one before it."""


def launch_lock() -> FileLock:
    """Held while a run is started, changed, or deleted; a thread may acquire it twice."""
    paths.RUNS_DIR.mkdir(parents=True, exist_ok=True)
    return FileLock(paths.RUNS_DIR / ".launch.lock", timeout=LAUNCH_SECONDS, is_singleton=True)


def trainer_lock(directory: Path) -> FileLock:
    """The lock that a trainer holds on its run."""
    return FileLock(directory / "trainer.lock")


def is_held(lock: FileLock, seconds: float = 0.0) -> bool:
    """Whether a lock is held, and still is after ``seconds``."""
    try:
        with lock.acquire(timeout=seconds):
            return False
    except TimeoutError:
        return True


def has_trainer(directory: Path, seconds: float = 0.0) -> bool:
    """Whether a trainer of any machine holds a run, and still does after ``seconds``.

    Machines that share a folder see each other's locks, unless its file system lacks them.
    """
    lock = trainer_lock(directory)
    path = Path(lock.lock_file)
    try:
        # A trainer makes a file: of anything else nobody can hold the lock.
        return is_file(path) and not path.is_symlink() and is_held(lock, seconds)
    except OSError:  # the folder is not writable
        return False
