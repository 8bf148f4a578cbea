"""Training processes: start, pause, resume, stop, and how they stand. Imports no torch.

A run is a directory under ``runs/``, and nothing else is shared with the trainer:

``config.json``    its `TrainConfig`
``events.jsonl``   what happened, see `events`
``train.log``      the trainer's own words, tracebacks among them
``job.json``       the process: pid and creation time
``request``        "pause" or "stop", once somebody asked for it
``label.json``     a name and a note given by the user
``checkpoints/``   ``last.safetensors`` (whole training state), ``best.safetensors`` (weights)
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import psutil
from filelock import FileLock

from alexnet_demo import config
from alexnet_demo.config import TrainConfig
from alexnet_demo.events import Event, History, follow

State = Literal[
    "starting",
    "running",
    "pausing",
    "stopping",
    "paused",
    "stopped",
    "finished",
    "failed",
    "interrupted",
]
ACTIVE = ("starting", "running", "pausing", "stopping")
RESUMABLE = ("paused", "stopped", "failed", "interrupted")
MAX_NAME, MAX_NOTE = 80, 2_000


@dataclass(frozen=True)
class Outcome:
    """What came of a request: whether it was done, one sentence for the user, and the run."""

    done: bool
    message: str
    run_id: str | None = None


class Run:
    """One run directory, as it stands when it is looked at."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self.id = self.directory.name

    @property
    def best(self) -> Path:
        """Weights of the epoch with the highest test accuracy; may not exist yet."""
        return self.directory / "checkpoints" / "best.safetensors"

    @property
    def last(self) -> Path:
        """The newest whole training state; may not exist yet."""
        return self.directory / "checkpoints" / "last.safetensors"

    @property
    def events(self) -> Path:
        return self.directory / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.directory / "train.log"

    @cached_property
    def config(self) -> TrainConfig:
        """The run's settings; the article's where the file is damaged."""
        try:
            return TrainConfig.from_json(_read_json(self.directory / "config.json"))
        except (TypeError, ValueError):
            return TrainConfig()

    @property
    def history(self) -> History:
        return follow(self.events)

    @cached_property
    def _label(self) -> dict[str, Any]:
        return _read_json(self.directory / "label.json")

    @property
    def name(self) -> str:
        """The name a user gave, else recipe and start time."""
        return str(self._label.get("name") or self.default_name)

    @property
    def default_name(self) -> str:
        title = config.RECIPES[self.config.recipe].title
        return f"{title}, {self.started:%d %b %H:%M}"

    @property
    def note(self) -> str:
        return str(self._label.get("note") or "")

    @property
    def started(self) -> datetime:
        """Local time at which the run was first started, from its id."""
        with suppress(ValueError):
            return datetime.strptime(self.id[:15], "%Y%m%d-%H%M%S")
        return datetime.fromtimestamp(self.directory.stat().st_mtime)

    @property
    def state(self) -> State:
        """From the last event, and from whether the process lives."""
        job = _read_json(self.directory / "job.json")
        # Looked at before the events: a process that ends in between has then written its last.
        alive = _alive(job)
        history = self.history
        spoken = history.marks > job.get("marks", 0)
        if spoken and history.end:
            return _ended(history.end)
        if not alive:
            return "interrupted" if spoken or not job else "failed"
        if request := self.requested:
            return "pausing" if request == "pause" else "stopping"
        return "running" if spoken else "starting"

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def resumable(self) -> bool:
        """Whether `resume` can go on from a checkpoint."""
        return self.state in RESUMABLE and self.last.is_file()

    @property
    def requested(self) -> str:
        """ "pause", "stop" or "" ."""
        with suppress(OSError):
            return (self.directory / "request").read_text()
        return ""

    @property
    def error(self) -> str:
        """Why the run failed or broke off, in one sentence; empty where it did not."""
        state, end = self.state, self.history.end
        if state == "failed":
            if end and end["event"] == "error":
                return str(end.get("message", ""))
            return "The trainer ended before it could begin: the log says why."
        if state == "interrupted":
            kept = "Resume goes on from its last checkpoint." if self.last.is_file() else ""
            return f"The trainer was killed from outside or ran out of memory. {kept}".strip()
        return ""

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of the trainer's log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 200 * lines))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def to_json(self) -> dict[str, Any]:
        """What the command ``runs`` prints of a run."""
        best, epochs = self.history.best, self.history.epochs
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "recipe": self.config.recipe,
            "device": (self.history.start or {}).get("device", self.config.device),
            "epochs": len(epochs),
            "epochs_planned": self.config.epochs,
            "best_test_accuracy": best["test_accuracy"] if best else None,
            "last_test_accuracy": epochs[-1]["test_accuracy"] if epochs else None,
            "seconds": round(self.history.seconds, 1),
            "note": self.note,
            "directory": str(self.directory),
        }


def _ended(end: Event) -> State:
    reason = end.get("reason")
    return reason if reason in ("finished", "paused", "stopped") else "failed"


def _alive(job: dict[str, Any]) -> bool:
    """Whether the recorded process runs: same pid and same creation time, and not a zombie."""
    try:
        process = psutil.Process(int(job["pid"]))
        same = abs(process.create_time() - float(job["created"])) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (KeyError, TypeError, ValueError, psutil.Error):
        return False


# ---------------------------------------------------------------- finding runs


def list_runs() -> list[Run]:
    """All runs, newest first."""
    if not config.RUNS_DIR.is_dir():
        return []
    directories = [d for d in config.RUNS_DIR.iterdir() if (d / "config.json").is_file()]
    visible = [d for d in directories if not d.name.startswith(".")]
    return [Run(d) for d in sorted(visible, key=lambda d: d.name, reverse=True)]


def get_run(run_id: str) -> Run | None:
    """The run of that id, or None; an id that could leave ``runs/`` is none."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", run_id):
        return None
    directory = config.RUNS_DIR / run_id
    return Run(directory) if (directory / "config.json").is_file() else None


def current_run() -> Run | None:
    """The run that trains now, else the newest one."""
    runs = list_runs()
    return next((run for run in runs if run.active), runs[0] if runs else None)


def new_run_directory(recipe: str) -> Path:
    """A fresh directory, named by time so that names sort by age."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    return config.RUNS_DIR / f"{stamp}-{recipe}-{secrets.token_hex(2)}"


# ------------------------------------------------------------- asking for things


def start(settings: TrainConfig) -> Outcome:
    """Start ``python -m alexnet_demo train`` as a process of its own."""
    try:
        with _launch_lock():
            if busy := _busy(settings.device):
                return busy
            directory = new_run_directory(settings.recipe)
            prepare(directory, settings)
            _spawn([*settings.command(), "--run-dir", str(directory)], directory)
    except OSError as error:
        return Outcome(False, f"The run could not be written to {config.RUNS_DIR}: {error}.")
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


# ------------------------------------------------------- shared with the trainer


def prepare(directory: Path, settings: TrainConfig) -> None:
    """Make a run directory."""
    (directory / "checkpoints").mkdir(parents=True, exist_ok=True)
    write_json(directory / "config.json", settings.to_json())


def register(directory: Path, pid: int) -> None:
    """Write which process trains this run."""
    record = {
        "pid": pid,
        "created": psutil.Process(pid).create_time(),
        "marks": follow(directory / "events.jsonl").marks,
    }
    write_json(directory / "job.json", record)


def registered(directory: Path, pid: int) -> bool:
    """Whether `register` was already called for this process."""
    job = _read_json(directory / "job.json")
    return job.get("pid") == pid and _alive(job)


def device_lock(device: str) -> FileLock:
    """The lock that a trainer holds on a device; the system frees it when its holder dies."""
    folder = config.RUNS_DIR / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{device.replace(':', '-')}.lock")


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where it is missing or damaged."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


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
            start_new_session=True,
        )
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
            command, capture_output=True, text=True, cwd=config.ROOT, timeout=timeout, check=False
        )
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return {"error": f"This machine could not be measured: {error}."}
    if found is None:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        return {"error": last[0].removeprefix("alexnet_demo probe: ")}
    return found
