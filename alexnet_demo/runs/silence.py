"""Whether a run in training is silent: far longer without an event than is usual for it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from alexnet_demo.common.files import read_json
from alexnet_demo.common.text import duration
from alexnet_demo.runs.events import Event
from alexnet_demo.runs.process_info import is_stopped, on_other_host
from alexnet_demo.runs.state import ACTIVE, State

if TYPE_CHECKING:
    from alexnet_demo.runs.run import Run

FACTOR = 5.0
"""Multiple of the longest recent interval between two events."""
STOPPED_SECONDS = 5.0
"""Enough where the system says that the process is stopped."""
USUAL_SECONDS, NO_CHECKPOINT_SECONDS = 30.0, 60.0
"""Least silence, and before this launch's first checkpoint, whose duration is unknown."""
FIRST_SECONDS, START_SECONDS = 300.0, 1_800.0
"""Silence before the first `FIRST_BATCHES`, which may compile; and before training, which loads
PyTorch and may download the data. The latter is also the most for any other."""
FIRST_BATCHES, RECENT_BATCHES = 3, 20
MAX_LOAD = 4.0
"""A machine with more work than processors slows a trainer, which has a low priority."""


@dataclass(frozen=True)
class Silence:
    """A run in training that gives no sign of life.

    Attributes:
        seconds: since its last event, or since its launch.
        advice: what the cause may be and what to do, a sentence.
    """

    seconds: float
    advice: str

    def __str__(self) -> str:
        return f"No sign of life for {duration(self.seconds)}"


def find_silence(run: Run) -> Silence | None:
    """How long a run has been silent; None for one that is not in training, or not for long.

    Clocks of machines that share the folder must agree to within seconds.
    """
    state = run.state
    if state not in ACTIVE:
        return None
    last = run.history.last
    try:
        since = (
            run.job_path.stat().st_mtime if state == State.STARTING or not last else last["time"]
        )
    except OSError:  # it has just ended
        return None
    seconds = time.time() - since
    if seconds <= STOPPED_SECONDS:
        return None
    job = read_json(run.job_path)
    if is_stopped(run.directory):
        return Silence(seconds, f"Its process is stopped: kill -CONT {_pid(job)} continues it.")
    if seconds <= (START_SECONDS if state == State.STARTING else _limit(run)):
        return None
    return Silence(
        seconds,
        f"The trainer may hang. If this lasts, {_end(job)}, then select Resume to continue from "
        "the last checkpoint.",
    )


def _pid(job: dict[str, Any]) -> str:
    """The process's number; empty where ``job.json``, which may come from elsewhere, has none."""
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        return str(int(job["pid"]))
    return ""


def _end(job: dict[str, Any]) -> str:
    """How to end a run's process or job, in words."""
    if isinstance(job.get("ray"), str):
        return f"stop its job ({job['ray']}) on the Ray cluster"
    number = f" ({_pid(job)})" if _pid(job) else ""
    return f"kill its process{number}" + (f" on {job['host']}" if on_other_host(job) else "")


def _limit(run: Run) -> float:
    """Seconds without an event from which on a run counts as silent."""
    history = run.history
    launched = history.start["time"] if history.start else 0.0
    grown = history.grow_events[-1]["time"] if history.grow_events else 0.0
    recent = [b for b in history.batches[-RECENT_BATCHES:] if b["time"] >= max(launched, grown)]
    if len(recent) < FIRST_BATCHES:
        return FIRST_SECONDS * _load()
    least = USUAL_SECONDS if history.longest_pause else NO_CHECKPOINT_SECONDS
    usual = max(_longest_interval(recent), history.longest_pause)
    return min(max(least, FACTOR * usual) * _load(), START_SECONDS)


def _longest_interval(batches: Sequence[Event]) -> float:
    """Longest time between two batch events of the same epoch, without the evaluation between."""
    pairs = pairwise(batches)
    return max((b["time"] - a["time"] for a, b in pairs if a["epoch"] % 1), default=0.0)


def _load() -> float:
    """Processes that want to run per processor, from 1 to `MAX_LOAD`."""
    if not hasattr(os, "getloadavg"):
        return 1.0
    return min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), MAX_LOAD)
