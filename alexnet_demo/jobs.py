"""Training processes: start, queue, pause, resume, stop, delete; and tests of learning rates.

Imports no torch, and never `train`.

A trainer is the command that a person would type, started as a process of its own. On a closed
server (see `access`) whoever asks for anything here must have the permit to control.
"""

from __future__ import annotations

import json
import logging
import math
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import psutil
from filelock import FileLock

from alexnet_demo import config, local_jobs, pins, queue, ray_jobs
from alexnet_demo.access import CONTROLLER, VISITOR, Permit, refusal
from alexnet_demo.config import ConfigError, TrainConfig
from alexnet_demo.files import parse_json, read_json, write_atomically, write_json
from alexnet_demo.pins import Pin
from alexnet_demo.runs import (
    FAILURE,
    LIVE,
    MAX_NAME,
    MAX_NOTE,
    Run,
    active_runs,
    alive,
    change,
    locked,
    new_run_directory,
    prepare,
    register,
    register_job,
    registered,
)
from alexnet_demo.text import one_line, readable

Pins = tuple[Pin, ...]
LR_TESTS = ".lr-find"  # folder under runs/
ATTENDANT = ".queue"  # likewise, of the process that attends the queue
QUEUE_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of a request: whether it was done, one sentence for the user, and the run."""

    done: bool
    message: str
    run_id: str | None = None


def start(
    settings: TrainConfig, seconds: float | None = None, *, permit: Permit = VISITOR
) -> Outcome:
    """Start ``python -m alexnet_demo train`` as a process of its own, or queue it.

    Args:
        seconds: what it is expected to take, for those who will wait for it.
        permit: what who asks is trusted with, here and below.
    """
    if closed := refusal(permit):
        return Outcome(False, closed)
    try:
        with _launch_lock():
            directory = new_run_directory(settings.recipe)
            try:
                prepare(directory, settings)
                return _begin(Run(directory), seconds, "Training is starting.")
            except OSError:
                shutil.rmtree(directory, ignore_errors=True)
                raise
    except OSError as error:
        return Outcome(False, f"The training could not be started: {error}.")


def resume(run: Run, *, permit: Permit = VISITOR) -> Outcome:
    """Go on from the run's last checkpoint, in a new process, or queue it."""
    if closed := refusal(permit):
        return Outcome(False, closed, run.id)
    try:
        with _launch_lock():
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
    if ray_jobs.address():
        return _hand_over(run)
    if queue.ahead(run.config.device) or locked(run.config.device):
        queue.enter(run, seconds)
        _demand_attendant()
        return Outcome(True, f"In the queue, place {queue.place(run)}.", run.id)
    _launch(run)
    return Outcome(True, words, run.id)


def _hand_over(run: Run) -> Outcome:
    """Submit a run to the cluster."""
    if ":" in run.config.device:
        raise OSError("a cluster numbers its own GPUs: choose the device auto, cuda or cpu")
    before, job = read_json(run.directory / "job.json"), ray_jobs.new_job(run.id)
    # Written first: the trainer, which may be quick, adds its process.
    register_job(run.directory, job)
    try:
        ray_jobs.submit(job, str(run.directory), local_jobs.places())
    except OSError as error:
        write_json(run.directory / "job.json", before)
        raise OSError(f"the Ray cluster at {job['address']} does not take it ({error})") from error
    return Outcome(True, "The cluster has it, and starts it as soon as it has room.", run.id)


def _launch(run: Run) -> None:
    stop_lr_test(permit=CONTROLLER)  # together they would both crawl
    begun = run.events.exists() or run.states
    place = str(run.directory)
    fresh = [*run.config.command(), "--run-dir", place]
    local_jobs.launch(["train", "--resume", place] if begun else fresh, run.directory)


def _seconds_to_come(run: Run) -> float | None:
    """What is left of a run, by what its epochs took so far."""
    done = len(run.history.epochs)
    return run.history.seconds / done * (run.config.epochs - done) if done else None


def cancel(run: Run, *, permit: Permit = VISITOR) -> Outcome:
    """Take a run out of the queue; one that never began is gone with that."""
    if closed := refusal(permit):
        return Outcome(False, closed, run.id)
    try:
        with _launch_lock():
            if run.state != "queued":
                return Outcome(False, "This run does not wait any more.", run.id)
            if not run.ticket.exists():
                ray_jobs.stop(read_json(run.directory / "job.json"))
                (run.directory / "job.json").unlink()  # the run stands as it stood before
            queue.leave(run)
            if not run.events.exists() and not run.states:
                _remove(run)
    except OSError as error:
        return Outcome(False, f"The run could not be taken out: {error}.", run.id)
    return Outcome(True, "Taken out of the queue.", run.id)


# -------------------------------------------------------------------- the queue


def attend_queue(poll: float = QUEUE_SECONDS) -> None:
    """Start each waiting run as its turn comes; return when none waits any more."""
    folder = config.RUNS_DIR / ATTENDANT
    if not registered(folder, os.getpid()):
        folder.mkdir(parents=True, exist_ok=True)
        register(folder, os.getpid())
    while True:
        try:
            with _launch_lock():
                for run in queue.due():
                    log.info("Starting %s", run.id)
                    _launch(run)
                    queue.leave(run)
                if not queue.waiting():
                    # Within the lock: whoever queues a run next sees that nobody attends.
                    (folder / "job.json").unlink(missing_ok=True)
                    return
        except OSError as error:  # a full disk, say: it may be mended while they wait
            log.error("The queue stands still: %s", error)
        time.sleep(poll)


def keep_queue_moving() -> None:
    """Start a process that attends the queue, where runs wait and there is none.

    For whoever looks at runs: after a reboot or a kill the queue goes on with the first visitor.
    """
    with suppress(OSError):
        if queue.waiting():
            with _launch_lock():
                _demand_attendant()


def _demand_attendant() -> None:
    folder = config.RUNS_DIR / ATTENDANT
    if not alive(folder) and queue.waiting():
        folder.mkdir(parents=True, exist_ok=True)
        local_jobs.launch(["queue"], folder)


# --------------------------------------------------------- while it trains, and after


def request(run: Run, what: Literal["pause", "stop"], *, permit: Permit = VISITOR) -> Outcome:
    """Ask the trainer to pause or stop at the end of its step, with a checkpoint written."""
    if closed := refusal(permit):
        return Outcome(False, closed, run.id)
    if not run.active:
        return Outcome(False, "This run is not training.", run.id)
    try:
        # Whole or not at all: two may press at the same moment.
        write_atomically(run.directory / "request", lambda path: path.write_text(what))
    except OSError as error:
        return Outcome(False, f"The request could not be written: {error}.", run.id)
    return Outcome(True, "Pausing…" if what == "pause" else "Stopping…", run.id)


def adjust(
    run: Run,
    *,
    epochs: int | None = None,
    lr_scale: float | None = None,
    patience: int | None = None,
    permit: Permit = VISITOR,
) -> Outcome:
    """Change settings that a run will go on with, those that are given.

    Versions and commit in its file stay those that it was begun with.
    """
    if closed := refusal(permit):
        return Outcome(False, closed, run.id)
    given = {"epochs": epochs, "lr_scale": lr_scale, "patience": patience}
    changed: dict[str, Any] = {name: v for name, v in given.items() if v is not None}
    try:
        with _launch_lock():
            if not run.changeable:
                return Outcome(False, "Only a run that waits with a checkpoint can be changed.")
            change(run, **changed)
    except ConfigError as error:
        return Outcome(False, str(error), run.id)
    except OSError as error:
        return Outcome(False, f"The settings could not be saved: {error}.", run.id)
    left = "Resume goes on with it." if run.resumable else "Nothing is left to do with it."
    return Outcome(True, f"Saved. {left}", run.id)


def delete(run: Run, *, permit: Permit = VISITOR) -> Outcome:
    """Delete a run with its checkpoints; one that trains is refused."""
    if closed := refusal(permit):
        return Outcome(False, closed, run.id)
    if run.directory.parent == config.RECORDED_DIR:
        return Outcome(False, "This run comes with the program and stays.", run.id)
    try:
        with _launch_lock():
            name = run.name
            if run.active:
                return Outcome(False, "This run is training: stop it before deleting.", run.id)
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


def label(run: Run, name: str, note: str, *, permit: Permit = VISITOR) -> Outcome:
    """Give a run a name and a note; an empty name brings back the automatic one."""
    if closed := refusal(permit):
        return Outcome(False, closed, run.id)
    record = {"name": one_line(name)[:MAX_NAME], "note": readable(note)[:MAX_NOTE]}
    try:
        write_json(run.directory / "label.json", record)
    except OSError as error:
        return Outcome(False, f"Name and note could not be saved: {error}.", run.id)
    run.__dict__.pop("_label", None)
    return Outcome(True, "Saved.", run.id)


# ------------------------------------------------------------------ pins


def pin(picture: Pin, *, permit: Permit = VISITOR) -> Outcome:
    """Pin a picture for the next run, and for those that train now."""
    if closed := refusal(permit):
        return Outcome(False, closed)
    return _pinned(lambda pinned: (*pinned, picture), f"{picture.name} is pinned.")


def unpin(pin_id: str, *, permit: Permit = VISITOR) -> Outcome:
    """Take a pin off the board, and off the runs that train now."""
    if closed := refusal(permit):
        return Outcome(False, closed)
    return _pinned(lambda pinned: tuple(p for p in pinned if p.id != pin_id), "No longer pinned.")


def _pinned(change: Callable[[Pins], Pins], message: str) -> Outcome:
    """Change the pins on the board and of every run that trains now."""
    try:
        with _launch_lock():
            places = [(pins.board(), pins.of_next_run())]
            places += [(run.pins, pins.read(run.pins)) for run in active_runs()]
            for path, before in places:
                after = tuple({p.id: p for p in change(before)}.values())
                if len(after) > pins.MAX_PINS:
                    full = f"{pins.MAX_PINS} pictures are pinned already: take one off first."
                    return Outcome(False, full)
                pins.write(path, after)
    except OSError as error:
        return Outcome(False, f"The pins could not be saved: {error}.")
    return Outcome(True, message)


# ------------------------------------------------------------------ weights on their way

FRESH_SECONDS = 8.0
"""Weights of a run that trains are looked at for so long before newer ones are asked for."""


def ask_for_weights(run: Run) -> bool:
    """Ask a trainer for its weights as they are, unless it wrote some just now.

    Returns:
        Whether there are any yet, in `Run.now`.
    """
    with suppress(OSError):
        age = time.time() - run.now.stat().st_mtime if run.now.exists() else math.inf
        if run.active and age > FRESH_SECONDS:
            run.wanted.touch()
    return run.now.is_file()


def _launch_lock() -> FileLock:
    """Held while a run is started or deleted, so that two browsers cannot both do it."""
    config.RUNS_DIR.mkdir(parents=True, exist_ok=True)
    return FileLock(config.RUNS_DIR / ".launch.lock", timeout=10)


def probe(
    settings: TrainConfig, timeout: float = 180.0, *, permit: Permit = VISITOR
) -> dict[str, Any]:
    """Measure this machine in a process of its own, see `device.probe`.

    Returns:
        ``{"devices": [...], "speeds": [{...}, ...]}``, or ``{"error": sentence}``.
    """
    if closed := refusal(permit):
        return {"error": closed}
    command = [sys.executable, "-m", "alexnet_demo", "probe", *settings.command()[1:], "--json"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=config.ROOT,
            env=os.environ | local_jobs.places(),
            timeout=timeout,
            check=False,
        )
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return {"error": f"This machine could not be measured: {error}."}
    if found is None:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return {"error": last[0].removeprefix("alexnet_demo probe: ")}
    return found


# ------------------------------------------------------------------ learning-rate tests


@dataclass(frozen=True)
class LrTest:
    """How a learning-rate test stands.

    Attributes:
        trials: records with ``lr``, ``loss`` and ``smoothed``, see `lr_find.Trial`.
        suggestion: the learning rate to use, once it is known.
        error: why there is none, in one sentence; empty while it runs.
    """

    trials: list[dict[str, float]]
    suggestion: float | None
    running: bool
    error: str


def find_lr(settings: TrainConfig, *, permit: Permit = VISITOR) -> Outcome:
    """Start ``train --lr-find`` for these settings; the outcome's ``run_id`` is for `lr_trials`."""
    if closed := refusal(permit):
        return Outcome(False, closed)
    folder = config.RUNS_DIR / LR_TESTS
    try:
        with _launch_lock():
            if other := queue.ahead(settings.device):
                message = f"“{other.name}” is training on this device: pause or stop it first."
                return Outcome(False, message, other.id)
            if running_lr_test():
                return Outcome(False, "A learning rate is being looked for already: wait for it.")
            shutil.rmtree(folder, ignore_errors=True)  # those before it
            directory = folder / secrets.token_hex(4)
            directory.mkdir(parents=True)
            command = [*settings.command(), "--lr-find", "--json"]
            local_jobs.launch(command, directory, "trials.jsonl")
    except OSError as error:
        return Outcome(False, f"The test could not be started: {error}.")
    return Outcome(True, "Trying learning rates.", directory.name)


def lr_trials(test_id: str) -> LrTest | None:
    """How far a test has come; None where another one took its place."""
    directory = config.RUNS_DIR / LR_TESTS / test_id
    running = alive(directory)  # looked at first: what a process wrote before its end is there
    try:
        lines = (directory / "trials.jsonl").read_text().splitlines(keepends=True)
        words = (directory / "train.log").read_text(errors="replace").strip().splitlines()
    except OSError:
        return None
    records = [_parsed(line) for line in lines if line.endswith("\n")]
    trials = [record for record in records if "lr" in record]
    suggestion = next((r["suggested_lr"] for r in records if "suggested_lr" in r), None)
    if running or suggestion is not None:
        return LrTest(trials, suggestion, running, "")
    said = [word for word in words if word.startswith(FAILURE)]
    killed = "The test was killed from outside or ran out of memory."
    return LrTest(trials, None, False, said[-1].removeprefix(FAILURE) if said else killed)


def _parsed(line: str) -> dict[str, Any]:
    """The object in a line; empty where it is damaged."""
    try:
        record = parse_json(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def running_lr_test() -> str | None:
    """The id of the test that runs now, whoever started it."""
    jobs = (config.RUNS_DIR / LR_TESTS).glob("*/job.json")
    return next((job.parent.name for job in jobs if alive(job.parent)), None)


def stop_lr_test(test_id: str | None = None, *, permit: Permit = VISITOR) -> None:
    """End the test that runs, or only the one of that id; nothing of it is kept."""
    if refusal(permit):
        return
    running = running_lr_test()
    if running is None or test_id not in (None, running):
        return
    directory = config.RUNS_DIR / LR_TESTS / running
    with suppress(psutil.Error, KeyError):
        process = psutil.Process(read_json(directory / "job.json")["pid"])
        process.kill()
        process.wait(5)
    shutil.rmtree(directory, ignore_errors=True)
