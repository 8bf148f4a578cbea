"""Who uses a device: the lock of each device, and the runs that train on it or queue for it.

A trainer holds the lock of its device, and the system frees the lock when the process dies. The
lock decides; the runs under ``runs/`` only tell who holds it, and who is next.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from filelock import FileLock

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import read_json
from alexnet_demo.runs.locks import is_held
from alexnet_demo.runs.process_info import on_other_host
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import active_runs, queued_runs
from alexnet_demo.settings import paths


def device_lock(device: str) -> FileLock:
    """The lock that a trainer holds on a device of this machine, such as ``cuda:0``."""
    folder = paths.RUNS_DIR / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    # Several machines may share the folder.
    return FileLock(folder / f"{_file_name(f'{platform.node()}-{_physical(device)}')}.lock")


def _file_name(text: str) -> str:
    """A file name without separators, whatever the text: the name of a GPU may have slashes."""
    return re.sub(r"[^\w.-]", "-", text)[:200]


def _physical(device: str) -> str:
    """The GPU behind ``cuda:N`` where ``CUDA_VISIBLE_DEVICES`` hides or reorders GPUs."""
    kind, _, index = device.partition(":")
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    if kind != "cuda" or not index.isdecimal() or int(index) >= len(visible):
        return device
    return f"{kind}:{visible[int(index)] or index}"


def is_locked(device: str) -> bool:
    """Whether a trainer holds this device, or any device where ``auto`` or ``cuda`` is ambiguous.

    The trainer's run need not be under ``runs/``: ``--run-dir`` may place it elsewhere.
    """
    locks = [device_lock(device)]
    if device in ("auto", "cuda"):
        folder = Path(locks[0].lock_file).parent
        locks = [FileLock(path) for path in folder.glob(f"{_file_name(platform.node())}-*.lock")]
    return any(map(is_held, locks))


def same_device(one: str, other: str) -> bool:
    """Whether two names may mean the same device.

    Only the trainer resolves ``auto``, so until then it counts as any device.
    """
    names = (one, other)
    return one == other or "auto" in names or ("cuda" in names and one[:4] == other[:4])


def local_runs() -> list[Run]:
    """The active runs that use a device of this machine."""
    return [
        run
        for run in active_runs()
        if not run.on_ray and not on_other_host(read_json(run.job_path))
    ]


def blocking_run(device: str, excluding: str = "") -> Run | None:
    """A run that trains on this device or queues for it, other than the one with that id."""
    runs = (run for run in (*local_runs(), *queued_runs()) if run.id != excluding)
    return next((run for run in runs if same_device(device, run.device)), None)


def is_free(device: str, excluding: str = "") -> bool:
    """Whether no other run trains on this device or queues for it."""
    return not (blocking_run(device, excluding) or is_locked(device))


def conflict(device: str, excluding: str = "", *, can_wait: bool = False) -> ConfigError:
    """The error for a device in use; it names the run, unless that is not under ``runs/``."""
    run = blocking_run(device, excluding)
    holder = f"“{run.name}”" if run else "Another run"
    verb = "is queued for" if run and run.state == "queued" else "is using"
    target = "this device" if device == "auto" else device
    wait = "choose another device, or queue behind it with --wait"
    options = wait if can_wait else "or choose another device"
    return ConfigError(f"{holder} {verb} {target}: pause or stop it first, {options}.")


def require_free(device: str, excluding: str = "") -> None:
    """Check a command's device before anything is written.

    Raises:
        ConfigError: when another run trains on the device or queues for it.
    """
    if not is_free(device, excluding):
        raise conflict(device, excluding, can_wait=True)
