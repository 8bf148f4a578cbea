"""Training processes: start, pause, resume, stop, delete. Imports no torch, and never `train`.

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
from alexnet_demo.config import TrainConfig
from alexnet_demo.files import write_json
from alexnet_demo.runs import Run, list_runs, new_run_directory, prepare, register

MAX_NAME, MAX_NOTE = 80, 2_000


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
                return Outcome(False, "This run has no checkpoint to go on from.", run.id)
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


def delete(run: Run) -> Outcome:
    """Delete a run with its checkpoints; one that trains is refused."""
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
    record = {"name": " ".join(name.split())[:MAX_NAME], "note": note.strip()[:MAX_NOTE]}
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


def _spawn(arguments: list[str], directory: Path) -> None:
    """Start the trainer detached: it outlives this process, and its words go to the log."""
    with (directory / "train.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "alexnet_demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
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
        ``{"devices": [...], "speed": {...}}``, or ``{"error": sentence}``.
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
