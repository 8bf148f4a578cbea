"""Run directories: what a training is on disk, and how it stands. Imports no torch.

A run is a directory under ``runs/``, and nothing else is shared between trainer and pages:

``config.json``    its `TrainConfig`
``events.jsonl``   what happened, see `events`
``moments.jsonl``  what the network was like on the way, see `moments`
``pins.json``      the pictures that are watched, see `pins`
``train.log``      the trainer's own words, tracebacks among them
``job.json``       the process: pid and start time; on a cluster its job
``trainer.lock``   held by the one process that trains it
``request``        "pause" or "stop", once somebody asked for it
``ticket.json``    its number in the queue, while it waits for a device, see `queue`
``wanted``         there once somebody asked for the weights as they are now
``label.json``     a name and a note given by the user
``checkpoints/``   ``last.safetensors`` (whole training state) and ``previous.safetensors`` (the
                   one before it, for when that is damaged); weights: ``best.safetensors``,
                   ``now.safetensors``, and ``epoch-001.safetensors`` … of some epochs
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import parse_json, read_json
from alexnet_demo.common.text import one_line, readable
from alexnet_demo.runs.events import Event
from alexnet_demo.runs.history import History, follow
from alexnet_demo.runs.process_info import is_alive, on_other_host
from alexnet_demo.settings import recipes
from alexnet_demo.settings.config import TrainConfig

State = Literal[
    "queued",
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
LIVE = ("queued", *ACTIVE)
"""What changes by itself."""
FAILURE = "alexnet_demo train: "
"""What the command puts before the one sentence that says why it failed."""
FULL = 2**20
"""Free bytes below which a disk is called full."""
MAX_NAME, MAX_NOTE = 80, 2_000  # characters of a run's name and of its note
RESUMABLE = ("paused", "stopped", "failed", "interrupted", "finished")


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
    def previous(self) -> Path:
        """The training state before `last`, for when that is damaged; may not exist yet."""
        return self.directory / "checkpoints" / "previous.safetensors"

    @property
    def checkpoints(self) -> list[Path]:
        """The training states that are there, newest first."""
        return [path for path in (self.last, self.previous) if path.is_file()]

    @property
    def best_accuracy(self) -> float | None:
        """The highest test accuracy of an epoch, 0 to 1; None before the first is tested."""
        best = self.history.best
        return best["test_accuracy"] if best else None

    @property
    def events(self) -> Path:
        return self.directory / "events.jsonl"

    @property
    def snapshots(self) -> Path:
        return self.directory / "moments.jsonl"

    @property
    def pins(self) -> Path:
        return self.directory / "pins.json"

    @property
    def now(self) -> Path:
        """Weights as they were when somebody last asked for them; may not exist yet."""
        return self.directory / "checkpoints" / "now.safetensors"

    @property
    def weights_request(self) -> Path:
        """There while somebody waits for `now`."""
        return self.directory / "wanted"

    def epoch_weights(self, epoch: int) -> Path:
        """Weights at the end of an epoch, counted from 1; of some epochs only."""
        return self.directory / "checkpoints" / f"epoch-{epoch:03}.safetensors"

    @property
    def log(self) -> Path:
        return self.directory / "train.log"

    @property
    def ticket(self) -> Path:
        """There while the run waits in the queue."""
        return self.directory / "ticket.json"

    @cached_property
    def config(self) -> TrainConfig:
        """The run's settings; the article's where the file is damaged, to show something."""
        try:
            return self.read_config()
        except ConfigError:
            return TrainConfig()

    def read_config(self) -> TrainConfig:
        """The run's settings; where the file is damaged, those that it was last started with.

        Raises:
            ConfigError: when they are nowhere to be read.
        """
        try:
            text = (self.directory / "config.json").read_text(encoding="utf-8")
            return TrainConfig.from_json(parse_json(text))
        except (OSError, TypeError, ValueError, AttributeError) as error:
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                return TrainConfig.from_json((self.history.start or {})["config"])
            raise ConfigError(f"The settings of {self.id} cannot be read: {error}.") from error

    @property
    def history(self) -> History:
        return follow(self.events)

    @cached_property
    def _label(self) -> dict[str, Any]:
        return read_json(self.directory / "label.json")

    @property
    def name(self) -> str:
        """The name a user gave, else recipe and start time."""
        return one_line(self._label.get("name"))[:MAX_NAME] or self.default_name

    @property
    def default_name(self) -> str:
        title = recipes.RECIPES[self.config.recipe].title
        # Runs of one minute are told apart by their seconds.
        twins = [d for d in self.directory.parent.iterdir() if d.name.startswith(self.id[:13])]
        return f"{title}, {self.started:{'%d %b %H:%M:%S' if len(twins) > 1 else '%d %b %H:%M'}}"

    @property
    def note(self) -> str:
        return readable(self._label.get("note"))[:MAX_NOTE]

    @property
    def started(self) -> datetime:
        """Local time at which the run was first started, from its id."""
        with suppress(ValueError):
            return datetime.strptime(self.id[:15], "%Y%m%d-%H%M%S")
        with suppress(ValueError, OverflowError, OSError):  # a time that no calendar has
            return datetime.fromtimestamp(self.history.started_at or 0.0)
        return datetime.fromtimestamp(self.directory.stat().st_mtime)

    @property
    def state(self) -> State:
        """From the last event, and from whether the process lives."""
        job = self._job
        if "ray" in job and self._over(job) and not self.ticket.exists():
            return _ended(self.history.end or {})  # without a question to the cluster
        # Looked at before the events: a process that ends in between has then written its last.
        lives = is_alive(self.directory, job)
        over, spoken = self._over(job), self._spoken(job)
        if (over or not lives) and self.ticket.exists():
            return "queued"
        if over:  # though its process may not have left yet
            return _ended(self.history.end or {})
        if not lives:
            return "interrupted" if spoken or not job else "failed"
        if self.on_ray and "pid" not in job:
            return "queued"
        if request := self.request:
            return "pausing" if request == "pause" else "stopping"
        return "running" if spoken else "starting"

    @property
    def _job(self) -> dict[str, Any]:
        return read_json(self.directory / "job.json")

    def _spoken(self, job: dict[str, Any]) -> bool:
        """Whether the newest launch has told an event."""
        marks = job.get("marks", 0)
        return self.history.marks > (marks if isinstance(marks, int) else 0)

    def _over(self, job: dict[str, Any]) -> bool:
        """Whether the newest launch has told its end."""
        return self._spoken(job) and self.history.end is not None

    @property
    def on_ray(self) -> bool:
        """Whether a cluster trains it, see `ray_jobs`, or trained it last."""
        return isinstance(self._job.get("ray"), str)

    @property
    def on_other_host(self) -> bool:
        """Whether another machine trains it, or trained it last."""
        job = self._job
        return "ray" not in job and on_other_host(job)

    @property
    def device(self) -> str:
        """The device that it trains on, else the one in its settings, such as ``auto``."""
        return (self.history.start or {}).get("device", self.config.device)

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def resumable(self) -> bool:
        """Whether `resume` can go on from a checkpoint, and has something left to do."""
        return self.changeable and (self.state != "finished" or self.unfinished)

    @property
    def changeable(self) -> bool:
        """Whether `adjust` can give it other settings to go on with."""
        # One that was killed before its first checkpoint begins again, to the same result.
        state = self.state
        return state in RESUMABLE and (bool(self.checkpoints) or state == "interrupted")

    @property
    def unfinished(self) -> bool:
        """Whether epochs are left that early stopping would not prevent."""
        patience, done, best = self.config.patience, self.history.epochs_done, self.history.best
        stale = done - best["epoch"] if best else 0
        return done < self.config.epochs and not 0 < patience <= stale

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping ended it before its planned epochs."""
        planned = (self.history.start or {}).get("config", {}).get("epochs")
        if not isinstance(planned, int):
            planned = self.config.epochs
        return self.state == "finished" and self.history.epochs_done < planned

    @property
    def request(self) -> str:
        """ "pause", "stop" or "" ."""
        with suppress(OSError, ValueError):
            return (self.directory / "request").read_text(encoding="utf-8")
        return ""

    @property
    def error(self) -> str:
        """Why the run failed or broke off, in one sentence; empty where it did not."""
        state, end = self.state, self.history.end
        if state == "failed":
            if end and end["event"] == "error":
                return one_line(end.get("message"))
            return self._last_words() or "The trainer ended before it could begin: see the log."
        if state == "interrupted":
            kept = "Resume goes on from its last checkpoint." if self.checkpoints else ""
            return f"{self._cause()} {kept}".strip()
        return ""

    def _last_words(self) -> str:
        """What the command said of its failure, before it could tell an event."""
        said = [line for line in self.log_tail().splitlines() if line.startswith(FAILURE)]
        return said[-1].removeprefix(FAILURE) if said else ""

    def _cause(self) -> str:
        """Why a trainer ended without a word."""
        if self.on_ray:
            return "The cluster ended this training, or does not answer any more."
        with suppress(OSError):
            if shutil.disk_usage(self.directory).free < FULL:
                return "The disk is full, so the trainer could not go on: free some space."
        return "The trainer was killed from outside or ran out of memory."

    @property
    def warning(self) -> str:
        """What is wrong with it though it goes on, in one sentence; empty where all is well."""
        if not read_json(self.directory / "config.json"):
            return "The file with this run's settings is damaged; its records tell them, too."
        if fallback := self.history.fallback:
            return str(fallback.get("message", ""))
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
        epochs = self.history.epochs
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "recipe": self.config.recipe,
            "device": self.device,
            "epochs": self.history.epochs_done,
            "epochs_planned": self.config.epochs,
            "best_test_accuracy": self.best_accuracy,
            "last_test_accuracy": epochs[-1]["test_accuracy"] if epochs else None,
            "seconds": round(self.history.seconds, 1),
            "note": self.note,
            "directory": str(self.directory),
        }


def _ended(end: Event) -> State:
    reason = end.get("reason")
    return reason if reason in ("finished", "paused", "stopped") else "failed"


# ---------------------------------------------------------------- finding runs


# ---------------------------------------------------------------- settings
