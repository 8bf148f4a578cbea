"""Trainings on a Ray cluster, through the REST interface of its dashboard.

Imports neither torch nor ray: a web server needs no more than the cluster's address, in
``ALEXNET_DEMO_RAY``, such as ``http://head:8265``. A run there is a Ray job that runs `ray_driver`;
its directory lies on storage that all nodes see, and is all that trainer and pages share, as ever.
Only one thing is asked of Ray: whether the job is alive, since no process of another machine can be
looked at from here, and nobody writes while a run waits for a node. Only this server's own cluster
is asked: a run directory may come from elsewhere, and name any address.
"""

from __future__ import annotations

import json
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

START_SECONDS, ASK_SECONDS = 8.0, 3.0  # to wait for an answer; less than for a lock of `jobs`
FRESH_SECONDS = 2.0
"""An answer is good for so long, and a cluster that gave none is left alone for so long."""
SILENCE_SECONDS, SILENT_SECONDS = 60.0, 30.0
"""A cluster that does not answer is taken to be as it was for so long, then seldom asked."""
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
        "PYTHONPATH": str(paths.ROOT),
        "ALEXNET_DEMO_RAY": job["address"],
        "ALEXNET_DEMO_RAY_JOB": job["ray"],
    }
    _call(
        f"{job['address']}/api/jobs/",
        {
            "entrypoint": f"python -m alexnet_demo.cli.ray_driver {shlex.quote(directory)}",
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
    _call(f"{job['address']}/api/jobs/{quote(job['ray'], safe='')}/stop", {}, START_SECONDS)
    with _lock:
        _answers[job["ray"]] = _Answer(False, time.monotonic(), ended=True)


@dataclass
class _Answer:
    """Whether a job was alive when the cluster last answered; ``ended`` once it said so."""

    alive: bool
    answered: float
    good_until: float = 0.0
    ended: bool = False


_answers: dict[str, _Answer] = {}
_lock = Lock()
_quiet_until = 0.0  # the cluster gave no answer: no page waits for the next one before


def is_alive(job: Job) -> bool:
    """Whether a job of this server's cluster waits or runs, by the newest answer that it gave."""
    name = job.get("ray")
    if not isinstance(name, str) or not address():
        return False
    if own().get("ray") == name:
        return True
    if job.get("address") != address():
        return False
    with _lock:
        now = time.monotonic()
        known = _answers.setdefault(name, _Answer(True, now))
        to_ask = not known.ended and now >= max(known.good_until, _quiet_until)
        if to_ask:
            known.good_until = now + ASK_SECONDS  # nobody else asks meanwhile
    if to_ask:
        _ask(name, known)
    return known.alive and time.monotonic() - known.answered < SILENCE_SECONDS


def _ask(name: str, known: _Answer) -> None:
    """Ask the cluster about a job, and note what it says."""
    global _quiet_until
    try:
        told = _call(f"{address()}/api/jobs/{quote(name, safe='')}", None, ASK_SECONDS)
        known.alive = told.get("status") in NOT_ENDED
        known.ended = not known.alive
    except HTTPError as error:
        known.ended = error.code == 404  # the cluster was begun anew, and knows nothing of it
        known.alive = not known.ended
    except OSError:
        long = time.monotonic() - known.answered > SILENCE_SECONDS
        _quiet_until = time.monotonic() + (SILENT_SECONDS if long else FRESH_SECONDS)
        return
    known.answered = time.monotonic()
    known.good_until = known.answered + FRESH_SECONDS


def _call(url: str, body: dict[str, Any] | None, timeout: float) -> dict[str, Any]:
    """POST a JSON object, or GET without one; the JSON object that comes back.

    Raises:
        OSError: when there is no answer, or none that makes sense.
    """
    data = None if body is None else json.dumps(body).encode()
    try:
        request = Request(url, data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=timeout) as answer:
            told = json.loads(answer.read())
    except (HTTPException, ValueError) as error:
        raise OSError(f"no answer of a Ray dashboard ({type(error).__name__})") from error
    return told if isinstance(told, dict) else {}
