"""The queue: runs that wait for a device, first come, first served.

A queued run has a numbered ticket under ``runs/.tickets``, and the tickets are the whole queue, so
it survives a crash or a reboot. One process, the scheduler, starts each run in turn and ends
when the queue is empty. A web server could not do that alone, since it may be down or idle when a
device becomes free; a process per queued run would hold 30 MB each and be gone after a reboot.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from itertools import takewhile

from alexnet_demo.common.access import ADMIN
from alexnet_demo.common.files import children, read_json, write_json
from alexnet_demo.jobs import lr_tests, processes
from alexnet_demo.runs.devices import (
    Placement,
    active_claims,
    claim,
    current_placements,
    free_placement,
    placements,
)
from alexnet_demo.runs.eta import seconds_left
from alexnet_demo.runs.locks import launch_lock
from alexnet_demo.runs.process_info import is_alive, register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import TICKETS
from alexnet_demo.runs.store import get_run, list_runs, queued_runs, ticket_number
from alexnet_demo.settings import paths

SCHEDULER = ".queue"  # folder under runs/, for the scheduler's job.json and log
POLL_SECONDS = 1.0
RETRY_SECONDS = 10.0
"""Time until a run that could not be launched is tried again; until then others go first."""

log = logging.getLogger(__name__)


def place(run: Run) -> int | None:
    """The run's place in the queue, from 1; None where it is not queued."""
    ids = [other.id for other in queued_runs()]
    return ids.index(run.id) + 1 if run.id in ids else None


def enter(run: Run, seconds: float | None) -> None:
    """Append a run to the queue; only under the launch lock.

    Args:
        seconds: the run's expected duration, which the estimates of later runs add up.
    """
    last = max(map(ticket_number, queued_runs()), default=0)
    run.ticket.parent.mkdir(parents=True, exist_ok=True)
    write_json(run.ticket, {"number": last + 1, "seconds": seconds})


def pending_on_cluster() -> list[Run]:
    """Runs submitted to a Ray cluster that has not started them yet."""
    return [run for run in list_runs() if run.on_ray and run.state == "queued"]


def due(excluding: Collection[str] = ()) -> list[Run]:
    """Queued runs that can start now: their device is free, and no earlier run waits for it.

    Args:
        excluding: ids of queued runs that are passed over.
    """
    claims, runs = active_claims(), []
    for run in queued_runs():
        if run.id in excluding:
            continue
        free = free_placement(run.config, claims)
        if free:
            runs.append(run)
        claim(claims, run, [free] if free else placements(run.config))
    return runs


def expected_seconds(run: Run) -> float | None:
    """A queued run's duration as estimated when it entered the queue; None where unknown."""
    seconds = read_json(run.ticket).get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else None


def seconds_until_start(run: Run, active: list[Run], queued: list[Run]) -> float | None:
    """Estimated wait of a queued run; None where the estimate of a run before it is missing."""
    free_in: dict[str, float] = defaultdict(float)  # seconds, by device

    def occupy(options: list[Placement], seconds: float | None) -> float:
        """Use the devices that are free first; return when that is."""
        start, devices = min((max(free_in[uuid] for uuid in o), o) for o in options)
        free_in.update(dict.fromkeys(devices, start + (math.inf if seconds is None else seconds)))
        return start

    for other in active:
        occupy(current_placements(other), seconds_left(other, other.history))
    for other in takewhile(lambda other: other.id != run.id, queued):
        occupy(placements(other.config), expected_seconds(other))
    start = occupy(placements(run.config), 0.0)
    return start if math.isfinite(start) else None


# ------------------------------------------------------------------ the scheduler


def launch(run: Run) -> None:
    """Start a trainer that begins or resumes a run; only under the launch lock.

    Raises:
        OSError: when it could not be started.
    """
    lr_tests.stop_lr_test(role=ADMIN)  # together, they would slow each other down
    place = str(run.directory)
    begin = [*run.config.command(), "--run-dir", place]
    processes.launch(["train", "--resume", place] if run.has_started else begin, run.directory)


def run_scheduler() -> None:
    """Start each queued run in turn; return when the queue is empty."""
    folder = paths.RUNS_DIR / SCHEDULER
    folder.mkdir(parents=True, exist_ok=True)
    register(folder, os.getpid())
    retry_at: dict[str, float] = {}
    while True:
        try:
            with launch_lock():
                _remove_stale_tickets()
                now = time.monotonic()
                retry_at = {run_id: retry for run_id, retry in retry_at.items() if now < retry}
                for run in due(retry_at.keys()):
                    if not _launch_queued(run):
                        retry_at[run.id] = now + RETRY_SECONDS
                if not queued_runs():
                    # Under the lock, so that whoever queues a run next starts another scheduler.
                    (folder / "job.json").unlink(missing_ok=True)
                    return
        except OSError as error:  # such as a full disk, which may be fixed by the next attempt
            log.error("Cannot start queued runs, retrying: %s", error)
        time.sleep(POLL_SECONDS)


def _remove_stale_tickets() -> None:
    """Remove the tickets of runs that are gone, lest a directory of that name start by itself."""
    for path in children(paths.RUNS_DIR / TICKETS):
        if not get_run(path.stem):
            with suppress(OSError):  # such as a folder, which is no ticket of any run
                path.unlink(missing_ok=True)


def _launch_queued(run: Run) -> bool:
    """Launch a run; one that cannot be launched stays queued and lets others go first."""
    log.info("Starting %s", run.id)
    try:
        launch(run)
        run.ticket.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        log.error("%s could not be started, retrying later: %s", run.id, error)
        return False
    return True


def ensure_scheduler() -> None:
    """Start the scheduler where runs are queued and it is not alive.

    Pages call this too, so that the queue moves on after a reboot or a kill. If the scheduler
    cannot be started now, the next call tries again.
    """
    folder = paths.RUNS_DIR / SCHEDULER
    with suppress(OSError):
        if queued_runs():
            with launch_lock():
                if not is_alive(folder) and queued_runs():
                    processes.launch(["queue"], folder)
