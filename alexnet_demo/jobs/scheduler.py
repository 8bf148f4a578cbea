"""The scheduler: a process that starts each queued run when its device becomes free."""

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

SCHEDULER = ".queue"  # folder under runs/, for the process's job.json and log
POLL_SECONDS = 1.0

log = logging.getLogger(__name__)


def launch(run: Run) -> None:
    """Start a trainer that begins or resumes a run; only under the launch lock.

    Raises:
        OSError: when it could not be started.
    """
    lr_tests.stop_lr_test(role=ADMIN)  # together, both would crawl
    place = str(run.directory)
    begin = [*run.config.command(), "--run-dir", place]
    processes.launch(["train", "--resume", place] if run.has_started else begin, run.directory)


def run_scheduler() -> None:
    """Start each queued run in turn; return when the queue is empty."""
    folder = paths.RUNS_DIR / SCHEDULER
    if not is_registered(folder, os.getpid()):
        folder.mkdir(parents=True, exist_ok=True)
        register(folder, os.getpid())
    while True:
        try:
            with launch_lock():
                for run in queue.due():
                    _launch_queued(run)
                if not queued_runs():
                    # Under the lock, so whoever queues the next run sees that this one is gone.
                    (folder / "job.json").unlink(missing_ok=True)
                    return
        except OSError as error:  # such as a full disk, which may be fixed meanwhile
            log.error("The queue is stuck: %s", error)
        time.sleep(POLL_SECONDS)


def _launch_queued(run: Run) -> None:
    """Launch a run; one that cannot be launched stays queued and blocks no other."""
    log.info("Starting %s", run.id)
    try:
        launch(run)
        queue.leave(run)
    except OSError as error:
        log.error("%s could not be started: %s", run.id, error)


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
                    folder.mkdir(parents=True, exist_ok=True)
                    processes.launch(["queue"], folder)
