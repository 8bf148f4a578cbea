"""The process that attends the queue, and starts each run as its turn comes. Imports no torch."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress

from alexnet_demo.common.access import ADMIN
from alexnet_demo.jobs import lr_tests, processes, queue
from alexnet_demo.runs.locks import launch_lock
from alexnet_demo.runs.process_info import is_alive, is_registered, register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import queued_runs
from alexnet_demo.settings import paths

SCHEDULER = ".queue"  # folder under runs/, of the process
QUEUE_SECONDS = 1.0

log = logging.getLogger(__name__)


def launch(run: Run) -> None:
    """Start a run's trainer, or have it go on; only under the launch lock.

    Raises:
        OSError: when it could not be started.
    """
    lr_tests.stop_lr_test(role=ADMIN)  # together they would both crawl
    begun = run.events.exists() or run.checkpoints
    place = str(run.directory)
    fresh = [*run.config.command(), "--run-dir", place]
    processes.launch(["train", "--resume", place] if begun else fresh, run.directory)


def run_scheduler(poll: float = QUEUE_SECONDS) -> None:
    """Start each waiting run as its turn comes; return when none waits any more."""
    folder = paths.RUNS_DIR / SCHEDULER
    if not is_registered(folder, os.getpid()):
        folder.mkdir(parents=True, exist_ok=True)
        register(folder, os.getpid())
    while True:
        try:
            with launch_lock():
                for run in queue.due():
                    _launch_in_turn(run)
                if not queued_runs():
                    # Within the lock: whoever queues a run next sees that nobody attends.
                    (folder / "job.json").unlink(missing_ok=True)
                    return
        except OSError as error:  # a full disk, say: it may be mended while they wait
            log.error("The queue stands still: %s", error)
        time.sleep(poll)


def _launch_in_turn(run: Run) -> None:
    """Start a run whose turn has come; one that cannot be started holds up no other."""
    log.info("Starting %s", run.id)
    try:
        launch(run)
        queue.leave(run)
    except OSError as error:  # a full disk, say: it may be mended while the run waits
        log.error("%s cannot be started: %s", run.id, error)


def ensure_scheduler() -> None:
    """Start a process that attends the queue, where runs wait and there is none.

    For whoever looks at runs: after a reboot or a kill the queue goes on with the first visitor.
    """
    with suppress(OSError):
        if queued_runs():
            with launch_lock():
                demand_attendant()


def demand_attendant() -> None:
    """See to it that one attends the queue while runs wait; only under the launch lock."""
    folder = paths.RUNS_DIR / SCHEDULER
    if not is_alive(folder) and queued_runs():
        folder.mkdir(parents=True, exist_ok=True)
        processes.launch(["queue"], folder)
