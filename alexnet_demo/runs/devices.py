"""TODO docstring."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from filelock import FileLock

from alexnet_demo.runs.locks import held
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import active_runs
from alexnet_demo.settings import paths


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


def same_device(one: str, other: str) -> bool:
    """Whether two names may mean the same device.

    Which one ``auto`` means is known only to the trainer, whose `device_lock` has the last word;
    until then it counts as any.
    """
    if "auto" in (one, other):
        return True
    unnumbered = "cuda" in (one, other) and one.startswith("cuda") and other.startswith("cuda")
    return one == other or unnumbered


def device_of(run: Run) -> str:
    """The device that a run trains on, or else the one that it asks for."""
    return str((run.history.start or {}).get("device", run.config.device))


def taken(device: str, by_other_than: str = "") -> str:
    """The refusal of a device that another run trains on, but not the one of that id."""
    others = (run for run in active_runs() if run.id != by_other_than)
    holder = next((f"“{run.name}”" for run in others), "another run")
    return f"{device} is training {holder}: pause or stop it first, or choose another device."
