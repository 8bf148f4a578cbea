"""Trainings on a Ray cluster, through the REST interface of its dashboard.

Imports neither torch nor ray: a web server needs no more than the cluster's address, in
``ALEXNET_DEMO_RAY``, such as ``http://head:8265``. A run there is a Ray job that runs `ray_driver`;
its directory lies on storage that all nodes see, and is all that trainer and pages share, as ever.
Only one thing is asked of Ray: whether the job is alive, since no process of another machine can be
looked at from here, and nobody writes while a run waits for a node.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from alexnet_demo import config

START_SECONDS, ASK_SECONDS = 30.0, 3.0  # to wait for an answer
FRESH_SECONDS = 2.0
"""An answer is good for so long."""
SILENCE_SECONDS = 60.0
"""A cluster that does not answer is taken to be as it was for so long."""
NOT_ENDED = ("PENDING", "RUNNING")

Job = dict[str, Any]


def address() -> str:
    """Where the cluster's dashboard answers; empty where trainings are local."""
    return os.environ.get("ALEXNET_DEMO_RAY", "").rstrip("/")


def new_job(run_id: str) -> Job:
    """What is written of a job before it is submitted, to find it by."""
    return {"ray": f"{run_id}-{secrets.token_hex(3)}", "address": address()}


def own() -> Job:
    """The job that this process belongs to; empty outside of a cluster."""
    job = os.environ.get("ALEXNET_DEMO_RAY_JOB", "")
    return {"ray": job, "address": address()} if job else {}


def submit(job: Job, directory: str, environment: dict[str, str]) -> None:
    """Hand a run to the cluster, which queues it, places it, and places it anew if its node dies.

    Args:
        environment: for the job and the trainer, besides what they need to know of it.

    Raises:
        OSError: when the cluster cannot be reached or refuses.
    """
    own_place = {
        "PYTHONPATH": str(config.ROOT),
        "ALEXNET_DEMO_RAY": job["address"],
        "ALEXNET_DEMO_RAY_JOB": job["ray"],
    }
    _call(
        f"{job['address']}/api/jobs/",
        {
            "entrypoint": f"python -m alexnet_demo.ray_driver {shlex.quote(directory)}",
            "submission_id": job["ray"],
            "runtime_env": {"env_vars": environment | own_place},
        },
        START_SECONDS,
    )


def stop(job: Job) -> None:
    """End a job and what it started.

    Raises:
        OSError: when the cluster cannot be reached.
    """
    _call(f"{job['address']}/api/jobs/{job['ray']}/stop", {}, START_SECONDS)
    with _lock:
        _answers[job["ray"]] = _Answer(False, time.monotonic())


@dataclass
class _Answer:
    """Whether a job was alive, and when that was asked."""

    alive: bool
    answered: float
    asked: float = 0.0


_answers: dict[str, _Answer] = {}
_lock = Lock()


def alive(job: Job) -> bool:
    """Whether a job waits or runs, by the newest answer that the cluster gave."""
    if own().get("ray") == job["ray"]:
        return True
    with _lock:
        now, known = time.monotonic(), _answers.get(job["ray"])
        if known and (not known.alive or now - known.asked < FRESH_SECONDS):
            return known.alive  # one that ended stays so
        known = known or _Answer(True, now)
        known.asked = now
        _answers[job["ray"]] = known
    try:
        told = _call(f"{job['address']}/api/jobs/{job['ray']}", None, ASK_SECONDS)
        known.alive, known.answered = told.get("status") in NOT_ENDED, time.monotonic()
    except HTTPError as error:
        known.alive = error.code != 404  # else the cluster was begun anew, and knows nothing of it
    except (OSError, ValueError):
        known.alive = now - known.answered < SILENCE_SECONDS
    return known.alive


def _call(url: str, body: dict[str, Any] | None, timeout: float) -> dict[str, Any]:
    """POST a JSON object, or GET without one; the JSON object that comes back."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    with urlopen(request, timeout=timeout) as answer:
        told = json.loads(answer.read())
    return told if isinstance(told, dict) else {}
