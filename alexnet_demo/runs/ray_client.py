"""Runs on a Ray cluster, through the REST interface of its dashboard.

``ALEXNET_DEMO_RAY`` has the address, such as ``http://head:8265``; no Ray is needed on this
machine. A run is a Ray job with the module `cli.ray_driver`, and its directory is on storage that
all nodes share. Ray is only asked whether the job is alive, since the directory does not show
that while the job waits for a node. Only this server's own cluster is asked, never an address from
a run directory, which may come from elsewhere.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import shlex
import time
from dataclasses import dataclass
from http.client import HTTPException
from threading import Lock
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from alexnet_demo.settings import paths

SUBMIT_SECONDS, STATUS_SECONDS = 8.0, 3.0
"""Timeouts of requests, shorter than that of the launch lock."""
CACHE_SECONDS = 2.0
"""How long an answer is reused, and a cluster that gave none is not asked again."""
PATIENCE_SECONDS, RETRY_SECONDS = 60.0, 30.0
"""How long jobs of a silent cluster count as before, and how often it is asked after that."""

Job = dict[str, Any]


def address() -> str:
    """The address of the cluster's dashboard; empty where runs are local."""
    return os.environ.get("ALEXNET_DEMO_RAY", "").rstrip("/")


def new_job(run_id: str) -> Job:
    """The record of a job, written before the job is submitted."""
    return {"ray": f"{run_id}-{secrets.token_hex(3)}", "address": address()}


def own_job() -> Job:
    """The job that this process belongs to; empty outside a cluster."""
    job = os.environ.get("ALEXNET_DEMO_RAY_JOB", "")
    return {"ray": job, "address": address()} if job else {}


def submit(job: Job, directory: str, environment: dict[str, str]) -> None:
    """Submit a run; the cluster queues it, places it, and places it again if its node dies.

    Args:
        environment: variables for the job and the trainer, besides those about the job.

    Raises:
        OSError: when the cluster cannot be reached or refuses the job.
    """
    job_environment = {
        "PYTHONPATH": str(paths.ROOT),
        "ALEXNET_DEMO_RAY": job["address"],
        "ALEXNET_DEMO_RAY_JOB": job["ray"],
    }
    body = {
        "entrypoint": f"python -m alexnet_demo.cli.ray_driver {shlex.quote(directory)}",
        "submission_id": job["ray"],
        "runtime_env": {"env_vars": environment | job_environment},
    }
    _call(f"{job['address']}/api/jobs/", body, SUBMIT_SECONDS)


def stop(job: Job) -> None:
    """Stop a job and the processes that it started.

    Raises:
        OSError: when the cluster cannot be reached.
    """
    _call(f"{job['address']}/api/jobs/{quote(job['ray'], safe='')}/stop", {}, SUBMIT_SECONDS)
    with _lock:
        _answers[job["ray"]] = _Answer(False, time.monotonic(), math.inf)


@dataclass
class _Answer:
    """The cluster's last answer about a job, and the time until which it is reused."""

    alive: bool
    answered: float
    valid_until: float = 0.0


_answers: dict[str, _Answer] = {}
_lock = Lock()
_quiet_until = 0.0  # after a request without an answer, no other is made before that time


def is_alive(job: Job) -> bool:
    """Whether a job of this server's cluster is pending or running, by its last answer."""
    name = job.get("ray")
    if not isinstance(name, str) or not address():
        return False
    if own_job().get("ray") == name:
        return True
    if job.get("address") != address():
        return False
    with _lock:
        now = time.monotonic()
        answer = _answers.setdefault(name, _Answer(True, now))
        outdated = now >= max(answer.valid_until, _quiet_until)
        if outdated:
            answer.valid_until = now + STATUS_SECONDS  # for that long, no other thread asks
    if outdated:
        _refresh(name, answer)
    return answer.alive and time.monotonic() - answer.answered < PATIENCE_SECONDS


def _refresh(name: str, answer: _Answer) -> None:
    """Ask the cluster about a job."""
    global _quiet_until
    try:
        status = _call(f"{address()}/api/jobs/{quote(name, safe='')}", None, STATUS_SECONDS)
        answer.alive = status.get("status") in ("PENDING", "RUNNING")
    except HTTPError as error:
        answer.alive = error.code != 404  # a restarted cluster has forgotten its jobs
    except OSError:
        silent = time.monotonic() - answer.answered > PATIENCE_SECONDS
        _quiet_until = time.monotonic() + (RETRY_SECONDS if silent else CACHE_SECONDS)
        return
    answer.answered = time.monotonic()
    answer.valid_until = answer.answered + CACHE_SECONDS if answer.alive else math.inf


def _call(url: str, body: dict[str, Any] | None, timeout: float) -> dict[str, Any]:
    """POST a JSON object, or GET without one, and return the JSON object of the response.

    Raises:
        OSError: when there is no response, or not one of a Ray dashboard.
    """
    data = None if body is None else json.dumps(body).encode()
    try:
        request = Request(url, data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=timeout) as response:
            record = json.loads(response.read())
    except (HTTPException, ValueError, RecursionError) as error:
        raise OSError(f"not the response of a Ray dashboard ({type(error).__name__})") from error
    return record if isinstance(record, dict) else {}
