"""Training processes: start, pause, resume, stop, delete; and tests of learning rates.

Imports no torch, and never `train`.

A trainer is the command that a person would type, started as a process of its own.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil
from filelock import FileLock

from alexnet_demo import config
from alexnet_demo.config import ConfigError, TrainConfig
from alexnet_demo.files import parse_json, read_json, write_json
from alexnet_demo.runs import (
    MAX_NAME,
    MAX_NOTE,
    Run,
    alive,
    change,
    list_runs,
    new_run_directory,
    prepare,
    register,
)
from alexnet_demo.text import one_line, readable

LR_TESTS = ".lr-find"  # folder under runs/
LR_ERROR = "alexnet_demo train: "
"""What the command puts before the one sentence that says why it failed."""


@dataclass(frozen=True)
class Outcome:
    """What came of a request: whether it was done, one sentence for the user, and the run."""

    done: bool
    message: str
    run_id: str | None = None


def start(settings: TrainConfig) -> Outcome:
    """Start ``python -m alexnet_demo train`` as a process of its own."""
    try:
        with _launch_lock():
            if busy := _busy(settings.device):
                return busy
            stop_lr_test()  # together they would both crawl
            directory = new_run_directory(settings.recipe)
            try:
                prepare(directory, settings)
                _spawn([*settings.command(), "--run-dir", str(directory)], directory)
            except OSError:
                shutil.rmtree(directory, ignore_errors=True)
                raise
    except OSError as error:
        return Outcome(False, f"The training could not be started: {error}.")
    return Outcome(True, "Training is starting.", directory.name)


def resume(run: Run) -> Outcome:
    """Go on from the run's last checkpoint, in a new process."""
    try:
        with _launch_lock():
            if busy := _busy(run.config.device):
                return busy
            if not run.resumable:
                done = "Nothing is left to do with this run: change its epochs first."
                kept = "This run has no checkpoint to go on from."
                return Outcome(False, done if run.changeable else kept, run.id)
            stop_lr_test()
            (run.directory / "request").unlink(missing_ok=True)
            _spawn(["train", "--resume", str(run.directory)], run.directory)
    except OSError as error:
        return Outcome(False, f"The run could not be resumed: {error}.", run.id)
    return Outcome(True, "Training goes on.", run.id)


def request(run: Run, what: Literal["pause", "stop"]) -> Outcome:
    """Ask the trainer to pause or stop at the end of its step, with a checkpoint written."""
    if not run.active:
        return Outcome(False, "This run is not training.", run.id)
    try:
        (run.directory / "request").write_text(what)
    except OSError as error:
        return Outcome(False, f"The request could not be written: {error}.", run.id)
    return Outcome(True, "Pausing…" if what == "pause" else "Stopping…", run.id)


def adjust(
    run: Run,
    *,
    epochs: int | None = None,
    lr_scale: float | None = None,
    patience: int | None = None,
) -> Outcome:
    """Change settings that a run will go on with, those that are given.

    Versions and commit in its file stay those that it was begun with.
    """
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


def delete(run: Run) -> Outcome:
    """Delete a run with its checkpoints; one that trains is refused."""
    if run.directory.parent == config.RECORDED_DIR:
        return Outcome(False, "This run comes with the program and stays.", run.id)
    name = run.name
    # Renamed first, so that nobody meets a run half deleted.
    trash = run.directory.with_name(f".trash-{run.id}-{secrets.token_hex(2)}")
    try:
        with _launch_lock():
            if run.active:
                return Outcome(False, "This run is training: stop it before deleting.", run.id)
            run.directory.rename(trash)
        shutil.rmtree(trash)
    except OSError as error:
        return Outcome(False, f"The run could not be deleted: {error}.", run.id)
    return Outcome(True, f"Deleted {name}.", run.id)


def label(run: Run, name: str, note: str) -> Outcome:
    """Give a run a name and a note; an empty name brings back the automatic one."""
    record = {"name": one_line(name)[:MAX_NAME], "note": readable(note)[:MAX_NOTE]}
    try:
        write_json(run.directory / "label.json", record)
    except OSError as error:
        return Outcome(False, f"Name and note could not be saved: {error}.", run.id)
    run.__dict__.pop("_label", None)
    return Outcome(True, "Saved.", run.id)


def _busy(device: str) -> Outcome | None:
    """The refusal, where another run has the device.

    Which device ``auto`` means is known only to the trainer, whose `device_lock` has the last
    word; until then it counts as any.
    """
    for run in list_runs():
        if not run.active:
            continue
        taken = (run.history.start or {}).get("device", run.config.device)
        if taken == device or "auto" in (taken, device):
            message = f"“{run.name}” is training on this device: pause or stop it first."
            return Outcome(False, message, run.id)
    return None


def _places() -> dict[str, str]:
    """This process's folders for the child, which has another working directory."""
    return {
        "ALEXNET_DEMO_DATA": str(config.DATA_DIR),
        "ALEXNET_DEMO_RUNS": str(config.RUNS_DIR),
        "ALEXNET_DEMO_WEIGHTS": str(config.WEIGHTS_DIR),
    }


def _launch_lock() -> FileLock:
    """Held while a run is started or deleted, so that two browsers cannot both do it."""
    config.RUNS_DIR.mkdir(parents=True, exist_ok=True)
    return FileLock(config.RUNS_DIR / ".launch.lock", timeout=10)


def _spawn(arguments: list[str], directory: Path, output: str = "train.log") -> None:
    """Start a command detached: it outlives this process, and its words go to the log."""
    with (directory / "train.log").open("ab") as log, (directory / output).open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "alexnet_demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            cwd=config.ROOT,
            env=os.environ | _places(),
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # on Windows
        )
    with suppress(psutil.Error):  # it ended already: the log says why
        register(directory, process.pid)
    # Nobody else would collect its exit status, and an uncollected child stays as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()


def probe(settings: TrainConfig, timeout: float = 180.0) -> dict[str, Any]:
    """Measure this machine in a process of its own, see `device.probe`.

    Returns:
        ``{"devices": [...], "speeds": [{...}, ...]}``, or ``{"error": sentence}``.
    """
    command = [sys.executable, "-m", "alexnet_demo", "probe", *settings.command()[1:], "--json"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=config.ROOT,
            env=os.environ | _places(),
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


def find_lr(settings: TrainConfig) -> Outcome:
    """Start ``train --lr-find`` for these settings; the outcome's ``run_id`` is for `lr_trials`."""
    folder = config.RUNS_DIR / LR_TESTS
    try:
        with _launch_lock():
            if busy := _busy(settings.device):
                return busy
            if running_lr_test():
                return Outcome(False, "A learning rate is being looked for already: wait for it.")
            shutil.rmtree(folder, ignore_errors=True)  # those before it
            directory = folder / secrets.token_hex(4)
            directory.mkdir(parents=True)
            _spawn([*settings.command(), "--lr-find", "--json"], directory, "trials.jsonl")
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
    said = [word for word in words if word.startswith(LR_ERROR)]
    killed = "The test was killed from outside or ran out of memory."
    return LrTest(trials, None, False, said[-1].removeprefix(LR_ERROR) if said else killed)


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


def stop_lr_test(test_id: str | None = None) -> None:
    """End the test that runs, or only the one of that id; nothing of it is kept."""
    running = running_lr_test()
    if running is None or test_id not in (None, running):
        return
    directory = config.RUNS_DIR / LR_TESTS / running
    with suppress(psutil.Error, KeyError):
        process = psutil.Process(read_json(directory / "job.json")["pid"])
        process.kill()
        process.wait(5)
    shutil.rmtree(directory, ignore_errors=True)
