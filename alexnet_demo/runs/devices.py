"""Who uses a device: the lock of each device, and the runs that train on it or queue for it.

A trainer holds the lock of its device, and the system frees the lock when the process dies. The
lock decides; the runs under ``runs/`` only tell who holds it, and who is next.

A device is identified by its UUID, since processes may number the GPUs differently. Only PyTorch
knows it, and which devices it can use. So whoever has loaded PyTorch calls `record`, and `known`
reads that without PyTorch.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from filelock import FileLock

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.common.machine import has_gpu
from alexnet_demo.runs.locks import is_held
from alexnet_demo.runs.process_info import on_other_host
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import State
from alexnet_demo.runs.store import active_runs, queued_runs
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig

Placement = tuple[str, ...]
"""The UUIDs of the devices on which a run trains: several for one process per GPU."""


# ------------------------------------------------------------------ devices and locks


def record(uuids: Mapping[str, str]) -> None:
    """Write down the usable devices of this machine, see `network.device.uuids`."""
    with suppress(OSError):  # then `known` guesses
        _table().parent.mkdir(parents=True, exist_ok=True)
        if read_json(_table()) != uuids:
            write_json(_table(), dict(uuids))


def known() -> dict[str, str]:
    """The UUIDs of this machine's usable devices by name, the one ``auto`` prefers first.

    Until they are recorded, a guess: at most one GPU.
    """
    table = read_json(_table())
    if table and all(isinstance(uuid, str) for uuid in table.values()):
        return table
    gpu = "mps" if platform.system() == "Darwin" else "cuda:0"
    return {**({gpu: gpu} if has_gpu() else {}), "cpu": "cpu"}


def _table() -> Path:
    """The file of `record`: GPUs that these variables hide or reorder have other names."""
    variables = [os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")]
    digest = hashlib.sha256(repr(variables).encode()).hexdigest()[:16]
    return _lock_path(f"devices-{digest}").with_suffix(".json")


def device_lock(uuid: str) -> FileLock:
    """The lock that a trainer holds on a device of this machine."""
    path = _lock_path(uuid)
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def _lock_path(name: str) -> Path:
    # Several machines may share the folder, and whatever the name, it must not lead elsewhere.
    name = re.sub(r"[^\w.-]", "-", f"{platform.node()}-{name}")[:200]
    return paths.RUNS_DIR / ".locks" / f"{name}.lock"


def is_locked(uuid: str, seconds: float = 0.0) -> bool:
    """Whether a trainer holds this device, and still does after ``seconds``.

    Where a name stands for an unknown UUID, whether one holds any GPU.

    The trainer's run need not be under ``runs/``: ``--run-dir`` may place it elsewhere.
    """
    locks = [device_lock(uuid)]
    if uuid.startswith("cuda"):
        folder = Path(locks[0].lock_file).parent
        names = (_lock_path(kind).stem for kind in ("GPU-", "MIG-"))
        locks += [FileLock(path) for name in names for path in folder.glob(f"{name}*.lock")]
    return any(is_held(lock, seconds) for lock in locks)


# ------------------------------------------------------------------ runs


def placements(settings: TrainConfig) -> list[Placement]:
    """The devices that a run may train on: alternatives, the preferred first."""
    devices = known()
    if settings.device not in ("auto", "cuda"):
        return [(devices.get(settings.device, settings.device),)]
    gpus = [uuid for name, uuid in devices.items() if name.startswith("cuda")]
    if settings.device == "auto" and not gpus:
        return [(next(iter(devices.values())),)]
    if settings.devices > 1:
        return [tuple(gpus[: settings.devices]) or ("cuda:0",)]
    return [(gpu,) for gpu in gpus or ["cuda:0"]]


def current_placements(run: Run) -> list[Placement]:
    """The devices of an active run: those it trains on, or those it may take while it starts."""
    start = run.history.start or {}
    if run.state == State.STARTING or run.config.devices > 1:
        return placements(run.config)
    uuid = start.get("device_uuid")
    if isinstance(uuid, str):
        return [(uuid,)]
    return placements(replace(run.config, device=run.device))


def local_runs() -> list[Run]:
    """The active runs that use a device of this machine."""
    return [
        run
        for run in active_runs()
        if not run.on_ray and not on_other_host(read_json(run.job_path))
    ]


def claim(claims: dict[str, Run], run: Run, options: Iterable[Placement]) -> None:
    """Add the devices that a run takes: of the first option that is left, else all it waits for.

    So none that comes later takes what this one waits for.
    """
    options = list(options)
    free = next((option for option in options if claims.keys().isdisjoint(option)), None)
    for uuid in chain.from_iterable(options) if free is None else free:
        claims.setdefault(uuid, run)


def active_claims(excluding: str = "") -> dict[str, Run]:
    """The active run of each device, by UUID."""
    claims: dict[str, Run] = {}
    runs = [run for run in local_runs() if run.id != excluding]
    # Those that have taken a device go before those that are about to.
    for run in sorted(runs, key=lambda run: run.state == State.STARTING):
        claim(claims, run, current_placements(run))
    return claims


def _claims(excluding: str) -> dict[str, Run]:
    """The run that trains on each device, or is queued for it."""
    claims = active_claims(excluding)
    for run in queued_runs():
        if run.id != excluding:
            claim(claims, run, placements(run.config))
    return claims


def free_placement(
    settings: TrainConfig, claims: Mapping[str, Run], seconds: float = 0.0
) -> Placement | None:
    """The first of a run's `placements` that nobody claims, or holds and still does later."""
    for placement in placements(settings):
        if claims.keys().isdisjoint(placement) and not any(
            is_locked(uuid, seconds) for uuid in placement
        ):
            return placement
    return None


def blocking_run(settings: TrainConfig, excluding: str = "") -> Run | None:
    """A run that leaves no device to a run with these settings: it trains there, or is queued.

    Args:
        excluding: the id of a run that is passed over.
    """
    claims = _claims(excluding)
    holders = [
        next((claims[uuid] for uuid in placement if uuid in claims), None)
        for placement in placements(settings)
    ]
    return None if None in holders else holders[0]


def is_free(settings: TrainConfig, excluding: str = "", seconds: float = 0.0) -> bool:
    """Whether a device is left to a run with these settings, at the latest after ``seconds``."""
    return free_placement(settings, _claims(excluding), seconds) is not None


def conflict(settings: TrainConfig, excluding: str = "", *, can_wait: bool = False) -> ConfigError:
    """The error for a device in use; it names the run, unless that is not under ``runs/``."""
    run = blocking_run(settings, excluding)
    holder = f"“{run.name}”" if run else "Another run"
    verb = "is queued for" if run and run.state == State.QUEUED else "is using"
    target = "this device" if settings.device == "auto" else settings.device
    wait = "choose another device, or queue behind it with --wait"
    options = wait if can_wait else "or choose another device"
    return ConfigError(f"{holder} {verb} {target}: pause or stop it first, {options}.")


def require_free(settings: TrainConfig, excluding: str = "") -> None:
    """Check a command's device before anything is written.

    Raises:
        ConfigError: when other runs train on it or are queued for it.
    """
    if not is_free(settings, excluding):
        raise conflict(settings, excluding, can_wait=True)
