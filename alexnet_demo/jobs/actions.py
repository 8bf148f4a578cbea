"""Trainings as processes: start, queue, pause, resume, stop, change, delete.

Imports no torch, and never `train`.

A trainer is the command that a person would type, started as a process of its own. On a restricted
server (see `access`) whoever asks for anything here must have the permit to control.
"""

from __future__ import annotations

import math
import secrets
import shutil
import time
from contextlib import suppress
from typing import Any, Literal

from alexnet_demo.common.access import ADMIN, READ_ONLY, RESTRICTED, Outcome, Role, has_access
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import read_json, write_atomically, write_json
from alexnet_demo.common.text import one_line, readable
from alexnet_demo.jobs import processes, queue
from alexnet_demo.jobs.lr_tests import stop_lr_test
from alexnet_demo.jobs.scheduler import demand_attendant, launch
from alexnet_demo.runs import ray_client
from alexnet_demo.runs.devices import blocking_run, is_free
from alexnet_demo.runs.locks import has_trainer, launch_lock
from alexnet_demo.runs.process_info import register_job
from alexnet_demo.runs.run import LIVE, MAX_NAME, MAX_NOTE, Run
from alexnet_demo.runs.store import new_run_directory, prepare, update_config
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig

FRESH_SECONDS, FRESH_FOR_VISITORS = 8.0, 60.0
"""Weights of a run that trains are looked at for so long before newer ones are asked for."""

LEAVE_SECONDS = 3.0
"""For so long a trainer that has ended may need to leave."""


def start(
    settings: TrainConfig, seconds: float | None = None, *, role: Role = READ_ONLY
) -> Outcome:
    """Start ``python -m alexnet_demo train`` as a process of its own, or queue it.

    Args:
        seconds: what it is expected to take, for those who will wait for it.
        permit: what who asks is trusted with, here and below.
    """
    if not has_access(role):
        return Outcome(False, RESTRICTED)
    try:
        with launch_lock():
            directory = new_run_directory(settings.recipe)
            try:
                prepare(directory, settings)
                return _begin(Run(directory), seconds, "Training is starting.")
            except OSError:
                shutil.rmtree(directory, ignore_errors=True)
                raise
    except OSError as error:
        return Outcome(False, f"The training could not be started: {error}.")


def resume(run: Run, *, role: Role = READ_ONLY) -> Outcome:
    """Go on from the run's last checkpoint, in a new process, or queue it."""
    if not has_access(role):
        return Outcome(False, RESTRICTED, run.id)
    try:
        with launch_lock():
            if run.state in LIVE:
                return Outcome(False, "This run goes on already.", run.id)
            if not run.resumable:
                done = "Nothing is left to do with this run: change its epochs first."
                kept = "This run has no checkpoint to go on from."
                return Outcome(False, done if run.changeable else kept, run.id)
            run.read_config()  # damaged, it should not end in the log only
            (run.directory / "request").unlink(missing_ok=True)
            return _begin(run, _seconds_to_come(run), "Training goes on.")
    except ConfigError as error:
        return Outcome(False, str(error), run.id)
    except OSError as error:
        return Outcome(False, f"The run could not be resumed: {error}.", run.id)


def _begin(run: Run, seconds: float | None, words: str) -> Outcome:
    """Launch a run, or put it into the queue where others are before it.

    A cluster has a queue of its own.
    """
    if ray_client.address():
        return _hand_over(run)
    device = run.config.device
    if not blocking_run(device):
        stop_lr_test(role=ADMIN)  # it has the device
    if not is_free(device):
        queue.enter(run, seconds)
        demand_attendant()
        return Outcome(True, f"In the queue, place {queue.place(run)}.", run.id)
    launch(run)
    return Outcome(True, words, run.id)


def _hand_over(run: Run) -> Outcome:
    """Submit a run to the cluster."""
    if ":" in run.config.device:
        raise OSError("a cluster numbers its own GPUs: choose the device auto, cuda or cpu")
    before, job = read_json(run.directory / "job.json"), ray_client.new_job(run.id)
    # Written first: the trainer, which may be quick, adds its process.
    register_job(run.directory, job)
    try:
        ray_client.submit(job, str(run.directory), processes.places())
    except OSError as error:
        write_json(run.directory / "job.json", before)
        raise OSError(f"the Ray cluster at {job['address']} does not take it ({error})") from error
    return Outcome(True, "The cluster has it, and starts it as soon as it has room.", run.id)


def _seconds_to_come(run: Run) -> float | None:
    """What is left of a run, by what its epochs took so far."""
    done = run.history.epochs_done
    return run.history.seconds / done * (run.config.epochs - done) if done else None


def cancel(run: Run, *, role: Role = READ_ONLY) -> Outcome:
    """Take a run out of the queue; one that never began is gone with that."""
    if not has_access(role):
        return Outcome(False, RESTRICTED, run.id)
    try:
        with launch_lock():
            if run.state != "queued":
                return Outcome(False, "This run does not wait any more.", run.id)
            if not run.ticket.exists():
                ray_client.stop(read_json(run.directory / "job.json"))
                (run.directory / "job.json").unlink()  # the run stands as it stood before
            queue.leave(run)
            if not run.events.exists() and not run.checkpoints:
                _remove(run)
    except OSError as error:
        return Outcome(False, f"The run could not be taken out: {error}.", run.id)
    return Outcome(True, "Taken out of the queue.", run.id)


# --------------------------------------------------------- while it trains, and after


def request(run: Run, what: Literal["pause", "stop"], *, role: Role = READ_ONLY) -> Outcome:
    """Ask the trainer to pause or stop at the end of its step, with a checkpoint written."""
    if not has_access(role):
        return Outcome(False, RESTRICTED, run.id)
    if not run.active:
        return Outcome(False, "This run is not training.", run.id)
    try:
        # Whole or not at all: two may press at the same moment.
        write_atomically(run.directory / "request", lambda path: path.write_text(what))
    except OSError as error:
        return Outcome(False, f"The request could not be written: {error}.", run.id)
    return Outcome(True, "Pausing…" if what == "pause" else "Stopping…", run.id)


def change_settings(
    run: Run,
    *,
    epochs: int | None = None,
    lr_scale: float | None = None,
    patience: int | None = None,
    role: Role = READ_ONLY,
) -> Outcome:
    """Change settings that a run will go on with, those that are given.

    Versions and commit in its file stay those that it was begun with.
    """
    if not has_access(role):
        return Outcome(False, RESTRICTED, run.id)
    given = {"epochs": epochs, "lr_scale": lr_scale, "patience": patience}
    changed: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
    try:
        with launch_lock():
            if not run.changeable:
                return Outcome(False, "Only a run that waits with a checkpoint can be changed.")
            update_config(run, **changed)
    except ConfigError as error:
        return Outcome(False, str(error), run.id)
    except OSError as error:
        return Outcome(False, f"The settings could not be saved: {error}.", run.id)
    left = "Resume goes on with it." if run.resumable else "Nothing is left to do with it."
    return Outcome(True, f"Saved. {left}", run.id)


def delete(run: Run, *, role: Role = READ_ONLY) -> Outcome:
    """Delete a run with its checkpoints; one that trains is refused."""
    if not has_access(role):
        return Outcome(False, RESTRICTED, run.id)
    if run.directory.parent == paths.RECORDED_DIR:
        return Outcome(False, "This run comes with the program and stays.", run.id)
    try:
        with launch_lock():
            name = run.name
            if run.active:
                return Outcome(False, "This run is training: stop it before deleting.", run.id)
            if run.on_ray and run.state == "queued":
                waits = "The cluster has this run: take it out of the queue first."
                return Outcome(False, waits, run.id)
            if has_trainer(run.directory, LEAVE_SECONDS):
                holds = "A trainer still holds this run: stop it, or try again in a moment."
                return Outcome(False, holds, run.id)
            _remove(run)
    except FileNotFoundError:
        return Outcome(False, "This run was deleted already.", run.id)
    except OSError as error:
        return Outcome(False, f"The run could not be deleted: {error}.", run.id)
    return Outcome(True, f"Deleted {name}.", run.id)


def _remove(run: Run) -> None:
    # Renamed first, so that nobody meets a run half deleted.
    trash = run.directory.with_name(f".trash-{run.id}-{secrets.token_hex(2)}")
    run.directory.rename(trash)
    shutil.rmtree(trash)


def label(run: Run, name: str, note: str, *, role: Role = READ_ONLY) -> Outcome:
    """Give a run a name and a note; an empty name brings back the automatic one."""
    if not has_access(role):
        return Outcome(False, RESTRICTED, run.id)
    record = {"name": one_line(name)[:MAX_NAME], "note": readable(note)[:MAX_NOTE]}
    try:
        write_json(run.directory / "label.json", record)
    except OSError as error:
        return Outcome(False, f"Name and note could not be saved: {error}.", run.id)
    run.__dict__.pop("_label", None)
    return Outcome(True, "Saved.", run.id)


def request_weights(run: Run, *, role: Role = READ_ONLY) -> bool:
    """Ask a trainer for its weights as they are, unless it wrote some just now.

    Visitors of a restricted server may, too, but seldom: it takes the trainer half a second.

    Returns:
        Whether there are any yet, in `Run.now`.
    """
    with suppress(OSError):
        age = time.time() - run.now.stat().st_mtime if run.now.exists() else math.inf
        if run.active and age > (FRESH_SECONDS if has_access(role) else FRESH_FOR_VISITORS):
            run.weights_request.touch()
    return run.now.is_file()
