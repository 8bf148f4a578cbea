"""What users do: start, queue, pause, resume, stop, change, label, and delete runs; pin images.

A run is trained by the command that a person would type, as a process of its own.
"""

from __future__ import annotations

import math
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from alexnet_demo.common.access import ADMIN, READ_ONLY, Outcome, Role, has_access
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import is_file, open_file, read_json, write_json, write_text
from alexnet_demo.common.text import one_line, readable
from alexnet_demo.jobs import processes, queue
from alexnet_demo.jobs.action import action
from alexnet_demo.jobs.lr_tests import stop_lr_test
from alexnet_demo.runs import pins, ray_client
from alexnet_demo.runs.devices import blocking_run, is_free
from alexnet_demo.runs.locks import has_trainer
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.process_info import register_job
from alexnet_demo.runs.run import MAX_NAME, MAX_NOTE, Run, has_weights
from alexnet_demo.runs.state import LIVE, State
from alexnet_demo.runs.store import (
    active_runs,
    new_run_directory,
    prepare,
    queued_runs,
    update_config,
)
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig

WEIGHTS_SECONDS, VISITOR_WEIGHTS_SECONDS = 8.0, 60.0
"""Age in seconds from which an active run's current weights are requested again."""

TRASH = ".trash-"  # prefix of a directory that is being deleted
RELEASE_SECONDS = 1.0
"""Time that a trainer may take to release its device after its last event."""
EXIT_SECONDS = 3.0
"""Time that a trainer may take to exit after its last event."""


@action("The run could not be started")
def start(
    settings: TrainConfig,
    seconds: float | None = None,
    *,
    name: str = "",
    role: Role = READ_ONLY,
) -> Outcome:
    """Start a new run, or queue it.

    Args:
        seconds: its expected duration, for the estimates of runs queued behind it.
        name: of the run; empty for the default.
    """
    directory = new_run_directory(settings.recipe)
    try:
        prepare(directory, settings)
        if name:
            write_json(Run(directory).label_path, {"name": name})
        return _launch_or_queue(Run(directory), seconds, "Starting the run.")
    except (OSError, ConfigError):
        shutil.rmtree(directory, ignore_errors=True)
        raise


@action("The run could not be resumed")
def resume(run: Run, *, role: Role = READ_ONLY) -> Outcome:
    """Resume a run from its last checkpoint in a new process, or queue it."""
    if run.state in LIVE:
        raise ConfigError("This run is already training or queued.")
    if not run.resumable:
        finished = "This run is finished: set more epochs to resume it."
        no_checkpoint = "This run has no checkpoint to resume from."
        raise ConfigError(finished if run.changeable else no_checkpoint)
    run.read_config()  # report damage here, not only in the log
    run.request_path.unlink(missing_ok=True)
    history, done = run.history, run.history.epochs_done
    seconds = history.seconds / done * (run.config.epochs - done) if done else None
    return _launch_or_queue(run, seconds, "Resuming the run.")


def _launch_or_queue(run: Run, seconds: float | None, message: str) -> Outcome:
    """Launch a run, or queue it where its device is in use; a cluster has a queue of its own."""
    if ray_client.address():
        return _submit(run)
    if not blocking_run(run.config):
        stop_lr_test(role=ADMIN)  # it may have the device
    if is_free(run.config, seconds=RELEASE_SECONDS):
        queue.launch(run)
        return Outcome(True, message, run.id)
    queue.enter(run, seconds)
    queue.ensure_scheduler()
    return Outcome(True, f"Queued, place {queue.place(run)}.", run.id)


def _submit(run: Run) -> Outcome:
    """Submit a run to the Ray cluster."""
    if ":" in run.config.device:
        raise ConfigError("A cluster numbers its own GPUs: choose the device auto, cuda, or cpu.")
    before, job = read_json(run.job_path), ray_client.new_job(run.id)
    register_job(run.directory, job)  # first, since a quick trainer adds its process
    try:
        ray_client.submit(job, str(run.directory), processes.folders())
    except OSError as error:
        write_json(run.job_path, before)
        raise OSError(f"the Ray cluster at {job['address']} did not accept it ({error})") from error
    return Outcome(True, "Submitted; starts when the cluster has capacity.", run.id)


@action("The run could not be removed from the queue")
def cancel(run: Run, *, role: Role = READ_ONLY) -> Outcome:
    """Remove a run from the queue, and delete it if it never started."""
    if run.state != State.QUEUED:
        raise ConfigError("This run is no longer queued.")
    if not is_file(run.ticket):
        ray_client.stop(read_json(run.job_path))
        run.job_path.unlink()  # which restores the state before it was submitted
    run.ticket.unlink(missing_ok=True)
    if not run.has_started:
        _remove(run)
    return Outcome(True, "Removed from the queue.", run.id)


@action("The request could not be written", lock=False)
def request(run: Run, what: Literal["pause", "stop"], *, role: Role = READ_ONLY) -> Outcome:
    """Request that the trainer pause or stop after this step, with a checkpoint."""
    if not run.active:
        raise ConfigError("This run is not training.")
    write_text(run.request_path, what)
    return Outcome(True, "Pausing…" if what == "pause" else "Stopping…", run.id)


@action("The settings could not be saved")
def change_settings(run: Run, *, role: Role = READ_ONLY, **settings: float | None) -> Outcome:
    """Change some `config.CHANGEABLE` settings of a run that is to resume; None keeps a value."""
    if not run.changeable:
        raise ConfigError("Only an inactive run with a checkpoint can be changed.")
    update_config(run, **{name: value for name, value in settings.items() if value is not None})
    effect = "Resume to train with it." if run.resumable else "No epochs are left to train."
    return Outcome(True, f"Saved. {effect}", run.id)


@action("The run could not be deleted and is unchanged")
def delete(run: Run, *, role: Role = READ_ONLY) -> Outcome:
    """Delete a run with its checkpoints, unless it is active or recorded."""
    if run.directory.parent == paths.RECORDED_DIR:
        raise ConfigError("Recorded runs are part of the program and cannot be deleted.")
    if not run.directory.exists():
        raise ConfigError("This run is already deleted.")
    if run.active:
        raise ConfigError("This run is training: stop it before you delete it.")
    if run.on_ray and run.state == State.QUEUED:
        raise ConfigError("The cluster has queued this run: cancel it first.")
    if has_trainer(run.directory, EXIT_SECONDS):
        raise ConfigError("A trainer still holds this run: stop it, or try again in a moment.")
    name, is_link, target = run.name, run.directory.is_symlink(), run.directory.resolve()
    rest = _remove(run)
    message = f"Deleted {name}."
    if is_link:
        message = f"Removed the link to {name}; its files stay in {target}."
    elif rest:
        message += f" Some of its files could not be removed: see {rest}."
    return Outcome(True, message, run.id)


def _remove(run: Run) -> Path | None:
    """Remove a run's directory, or the link to it.

    Returns:
        Where files are that could not be removed; None if there are none.

    Raises:
        OSError: when it cannot be moved or unlinked; then it is unchanged.
    """
    if run.directory.is_symlink():
        run.directory.unlink()
        rest = None
    else:
        # Renamed first, so that no reader finds it half deleted.
        rest = run.directory.with_name(f"{TRASH}{run.id}-{secrets.token_hex(2)}")
        run.directory.rename(rest)
        for trash in run.directory.parent.glob(f"{TRASH}*"):  # also what was left before
            shutil.rmtree(trash, ignore_errors=True)
    with suppress(OSError):
        run.ticket.unlink(missing_ok=True)
    return rest if rest and rest.exists() else None


@action("Name and note could not be saved", lock=False)
def label(run: Run, name: str, note: str, *, role: Role = READ_ONLY) -> Outcome:
    """Give a run a name and a note; an empty name restores the default."""
    record = {"name": one_line(name)[:MAX_NAME], "note": readable(note)[:MAX_NOTE]}
    write_json(run.label_path, record)
    run.__dict__.pop("_label", None)
    return Outcome(True, "Saved.", run.id)


def request_weights(run: Run, *, role: Role = READ_ONLY) -> bool:
    """Request an active run's current weights, unless those written last are recent.

    Visitors of a restricted server may do so too, but rarely: it takes the trainer half a second.

    Returns:
        Whether `Run.now` exists yet.
    """
    with suppress(OSError):
        age = time.time() - run.now.stat().st_mtime if has_weights(run.now) else math.inf
        if run.active and age > (WEIGHTS_SECONDS if has_access(role) else VISITOR_WEIGHTS_SECONDS):
            open_file(run.weights_request, "ab").close()  # unlike `touch` not by a link
    return has_weights(run.now)


# ------------------------------------------------------------------ pins


@action("The pins could not be saved")
def pin(image: Pin, *, role: Role = READ_ONLY) -> Outcome:
    """Pin an image for the next run, and for the active and queued ones."""
    already = any(image.id == other.id for other in pins.for_next_run())
    _update_pins(lambda before: (*before, image))
    return Outcome(True, f"{image.name} is {'already ' if already else ''}pinned.")


@action("The pins could not be saved")
def unpin(pin_id: str, *, role: Role = READ_ONLY) -> Outcome:
    """Unpin an image for the next run, and for the active and queued ones."""
    _update_pins(lambda before: tuple(pin for pin in before if pin.id != pin_id))
    return Outcome(True, "No longer pinned.")


def _update_pins(change: Callable[[tuple[Pin, ...]], tuple[Pin, ...]]) -> None:
    """Change the pins of the next run and of every active or queued run, or of none."""
    runs = [*active_runs(), *queued_runs(), *queue.pending_on_cluster()]
    before = {pins.board_path(): pins.for_next_run()}
    before |= {run.pins: pins.read(run.pins) for run in runs}
    after = {path: {pin.id: pin for pin in change(old)}.values() for path, old in before.items()}
    if max(map(len, after.values())) > pins.MAX_PINS:
        raise ConfigError(f"{pins.MAX_PINS} images are pinned already: unpin one first.")
    for path, changed in after.items():
        pins.write(path, tuple(changed))
