"""Which process or job trains a run, and whether it lives. Imports no torch.

``job.json`` in a run's directory names it: pid and start time, on a cluster its job.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import psutil

from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.runs import ray_client
from alexnet_demo.runs.history import follow
from alexnet_demo.runs.locks import has_trainer


def _started(process: psutil.Process) -> float:
    """When a process began, in seconds that no change of the clock moves.

    Linux counts from the boot, whose time psutil takes from the clock and adds.
    """
    return process.create_time() - (psutil.boot_time() if psutil.LINUX else 0.0)


def is_alive(directory: Path, job: dict[str, Any] | None = None) -> bool:
    """Whether the process or job lives that `register` wrote down there.

    No process of another machine can be looked at from here, but the lock that it holds.

    Args:
        job: what is written there, where that was read already.
    """
    if job is None:
        job = read_json(directory / "job.json")
    if "ray" in job:
        return ray_client.is_alive(job)
    return has_trainer(directory) if on_other_host(job) else _runs(job)


def on_other_host(job: dict[str, Any]) -> bool:
    """Whether it is another machine's."""
    return isinstance(job.get("host"), str) and job["host"] != platform.node()


def _runs(job: dict[str, Any]) -> bool:
    """Whether the recorded process runs: same pid and same start time, and not a zombie."""
    try:
        process = psutil.Process(int(job["pid"]))
        same = abs(_started(process) - float(job["started"])) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, TypeError, ValueError, OverflowError, psutil.Error):
        return False


def register(directory: Path, pid: int) -> None:
    """Write which process of this machine trains this run.

    Raises:
        psutil.Error: when there is no such process any more.
    """
    record = {
        "pid": pid,
        "started": _started(psutil.Process(pid)),
        "host": platform.node(),
    }
    register_job(directory, record | ray_client.own())


def register_job(directory: Path, job: dict[str, Any]) -> None:
    """Write which job trains this run; what it tells counts from here on."""
    marks = follow(directory / "events.jsonl").marks
    write_json(directory / "job.json", {**job, "marks": marks})


def is_registered(directory: Path, pid: int) -> bool:
    """Whether `register` was already called for this process."""
    job = read_json(directory / "job.json")
    return job.get("pid") == pid and not on_other_host(job) and is_alive(directory, job)


def is_own_job(directory: Path) -> bool:
    """Whether the cluster's job that this process belongs to is to train this run."""
    job = ray_client.own().get("ray")
    return job is not None and read_json(directory / "job.json").get("ray") == job
