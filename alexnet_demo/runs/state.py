"""The state of a run: a pure function of a record, which is read in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from alexnet_demo.common.files import is_readable, read_json, read_text
from alexnet_demo.runs.events import Event
from alexnet_demo.runs.history import History, follow
from alexnet_demo.runs.process_info import is_alive


class State(StrEnum):
    """State of a run; the values are part of the commands' JSON."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSING = "pausing"
    STOPPING = "stopping"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


ACTIVE = (State.STARTING, State.RUNNING, State.PAUSING, State.STOPPING)
LIVE = (State.QUEUED, *ACTIVE)
"""States that may change without a user's action."""
TICKETS = ".tickets"  # folder under runs/, with a file for each queued run


@dataclass(frozen=True)
class Status:
    """What decides the state of a run, as read at one moment.

    Attributes:
        job: contents of ``job.json``, which names the newest launch; empty before the first.
        alive: whether its process or cluster job is alive; not checked once it has ended.
        ticket: whether the run has a ticket for the queue.
        request: "pause", "stop", or "".
        reported: whether the newest launch has written a start, end, or error event.
        end: its end or error event.
    """

    job: Mapping[str, Any] = field(default_factory=dict)
    alive: bool = False
    ticket: bool = False
    request: str = ""
    reported: bool = False
    end: Event | None = None


def ticket_path(directory: Path) -> Path:
    """The ticket of the run in a directory, beside the run directories.

    A directory that was copied here, or put back, thus brings no ticket along: only a ticket that
    this server wrote starts a run.
    """
    return directory.parent / TICKETS / f"{directory.name}.json"


def read_status(directory: Path) -> Status:
    """Read what decides the state of the run in a directory."""
    # The ticket first: a queued run that is launched in between then counts as still queued.
    ticket = is_readable(ticket_path(directory))
    job, events = read_json(directory / "job.json"), directory / "events.jsonl"
    # An ended run's process is not checked, which spares above all a request to the cluster.
    ended = _has_reported(job, history := follow(events)) and history.end is not None
    alive = not ended and is_alive(directory, job)
    # After the process, since one that ended in between has written its last event.
    reported = _has_reported(job, history := follow(events))
    end = history.end if reported else None
    return Status(job, alive, ticket, read_request(directory), reported, end)


def _has_reported(job: Mapping[str, Any], history: History) -> bool:
    marks = job.get("marks", 0)
    return history.marks > (marks if isinstance(marks, int) else 0)


def read_request(directory: Path) -> str:
    """The pending request: "pause", "stop", or ""."""
    text = read_text(directory / "request")
    return text if text in ("pause", "stop") else ""


def derive_state(status: Status) -> State:
    """The state of a run with this status."""
    if status.ticket and (status.end or not status.alive):
        return State.QUEUED
    if status.end:  # even if the process has yet to exit
        reason = status.end.get("reason")
        return State(reason) if reason in ("finished", "paused", "stopped") else State.FAILED
    if not status.alive:
        return State.INTERRUPTED if status.reported or not status.job else State.FAILED
    if "ray" in status.job and "pid" not in status.job:
        return State.QUEUED  # by the cluster
    if status.request:
        return State.PAUSING if status.request == "pause" else State.STOPPING
    return State.RUNNING if status.reported else State.STARTING
