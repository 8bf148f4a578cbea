"""Follow a run that another process trains, from a terminal, until it ends."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TextIO

from alexnet_demo.common.access import ADMIN
from alexnet_demo.common.files import open_file
from alexnet_demo.jobs import actions, queue
from alexnet_demo.runs.events import EventReader
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import LIVE, State

POLL_SECONDS = 0.5

log = logging.getLogger(__name__)


def follow(
    run: Run, echo: TextIO | None = None, *, from_now: bool = False, interrupted: bool = False
) -> State:
    """Wait for a run to end, and copy its log to standard error and its events to ``echo``.

    Ctrl+C removes the run from the queue, or stops it with a checkpoint.

    Args:
        from_now: skip the log and events written before.
        interrupted: Ctrl+C was pressed already.

    Returns:
        The run's last state; `State.STOPPED` if it was removed from the queue.
    """
    events, place = EventReader(run.events), None
    with open_file(run.log, "a+", encoding="utf-8", errors="replace") as text:
        if from_now:
            events.read()
        else:
            text.seek(0)
        while True:
            try:
                # Neither succeeds while the run is being started, or the runs are locked for long.
                if interrupted and _end(run):
                    interrupted = False
                state = run.state  # before the files, so that all before the end is read below
                if not run.directory.exists():
                    log.info("Removed from the queue.")
                    return State.STOPPED
                for event in events.read() if echo else ():
                    print(json.dumps(event), file=echo, flush=True)
                print(text.read(), end="", file=sys.stderr, flush=True)
                if state not in LIVE:
                    return state
                if place != (place := queue.place(run)) and place:
                    log.info("Queued, place %d", place)
                time.sleep(POLL_SECONDS)
            except KeyboardInterrupt:
                interrupted = True


def _end(run: Run) -> bool:
    """Remove a run from the queue, or request that it stop; whether either succeeded."""
    return actions.cancel(run, role=ADMIN).done or actions.request(run, "stop", role=ADMIN).done
