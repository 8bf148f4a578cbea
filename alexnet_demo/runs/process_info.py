"""Which process or cluster job trains a run, and whether it is alive.

``job.json`` in a run's directory has the pid, start time, and host, or a cluster's job.
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


def _start_time(process: psutil.Process) -> float:
    """A process's start time in seconds, unaffected by changes of the clock.

    Linux counts from the boot, to which psutil adds the boot time as the clock has it.
    """
    return process.create_time() - (psutil.boot_time() if psutil.LINUX else 0.0)


def is_alive(directory: Path, job: dict[str, Any] | None = None) -> bool:
    """Whether the process or job registered in a directory is alive.

    Of another machine's process only its lock on the run can be checked.

    Args:
        job: contents of ``job.json``, where they were read already.
    """
    if job is None:
        job = read_json(directory / "job.json")
    if "ray" in job:
        return ray_client.is_alive(job)
    return has_trainer(directory) if on_other_host(job) else _is_running(job)


def on_other_host(job: dict[str, Any]) -> bool:
    """Whether a job is a process of another machine."""
    return isinstance(job.get("host"), str) and job["host"] != platform.node()


def _is_running(job: dict[str, Any]) -> bool:
    """Whether this machine has a process with that pid and start time that is not a zombie."""
    try:
        process = psutil.Process(int(job["pid"]))
        same = abs(_start_time(process) - float(job["started"])) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, TypeError, ValueError, OverflowError, psutil.Error):
        return False


def is_stopped(directory: Path) -> bool:
    """Whether the process registered in a directory is one of this machine and is suspended."""
    job = read_json(directory / "job.json")
    if "pid" not in job or on_other_host(job) or not _is_running(job):
        return False
    try:
        status = psutil.Process(int(job["pid"])).status()
    except psutil.Error:
        return False
    return status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def register(directory: Path, pid: int) -> None:
    """Record a process of this machine as the one that trains a run, unless it is recorded already.

    Raises:
        psutil.Error: when the process has exited.
    """
    if is_registered(directory, pid):
        return
    started = _start_time(psutil.Process(pid))
    record = {"pid": pid, "started": started, "host": platform.node()}
    register_job(directory, record | ray_client.own_job())


def register_job(directory: Path, job: dict[str, Any]) -> None:
    """Record the job that trains a run; from now on, only new events are its own."""
    marks = follow(directory / "events.jsonl").marks
    write_json(directory / "job.json", {**job, "marks": marks})


def is_registered(directory: Path, pid: int) -> bool:
    """Whether `register` was called for this process already."""
    job = read_json(directory / "job.json")
    return job.get("pid") == pid and not on_other_host(job) and is_alive(directory, job)


def is_own_job(directory: Path) -> bool:
    """Whether this process belongs to the cluster job that trains a run."""
    job = ray_client.own_job().get("ray")
    return job is not None and read_json(directory / "job.json").get("ray") == job
