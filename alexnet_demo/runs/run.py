"""Run directories, each the only contract between a trainer and the pages."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import is_file, parse_json, read_bytes, read_json
from alexnet_demo.common.text import one_line, percent, readable
from alexnet_demo.runs import ids, problems
from alexnet_demo.runs.history import History, first_time, follow
from alexnet_demo.runs.silence import Silence, find_silence
from alexnet_demo.runs.state import (
    ACTIVE,
    LIVE,
    State,
    derive_state,
    read_request,
    read_status,
    ticket_path,
)
from alexnet_demo.settings import recipes
from alexnet_demo.settings.config import SETTINGS, TrainConfig

MAX_NAME, MAX_NOTE = 80, 2_000  # characters of a run's name and of its note
MAX_CHANGES = 3  # changed settings in a default name; the others are counted


FILES = [Path("trainer.lock")]
"""Relative paths of a run directory's files, besides those of epochs' weights."""


class Accuracy(NamedTuple):
    """An accuracy, which says little without the number of images that it is of.

    Attributes:
        images: that number; 0 where it is lost.
    """

    name: str
    share: float
    images: int

    def __str__(self) -> str:
        """Such as ``best validation accuracy 85.1% of 2,000``."""
        return f"{self.name} {self.of()}"

    @property
    def split(self) -> str:
        """``validation`` or ``test``."""
        return self.name.split()[-2]

    def of(self, digits: int = 1) -> str:
        """Such as ``85.1% of 2,000``."""
        return percent(self.share, digits) + (f" of {self.images:,}" if self.images else "")


def has_weights(path: Path) -> bool:
    """Whether weights of a run exist: a file in a folder of the run, neither of them a link.

    Args:
        path: such as `Run.best`.
    """
    return is_file(path) and not path.is_symlink() and not path.parent.is_symlink()


class _Path:
    """A path of a run directory, as an attribute."""

    def __init__(self, *parts: str) -> None:
        self._parts = parts
        FILES.append(Path(*parts))

    def __get__(self, run: Run, _owner: object) -> Path:
        return run.directory.joinpath(*self._parts)


class Run:
    """One run: the paths in its directory, whether or not the files exist yet, and their contents.

    Properties read the files at each access, except for settings, name, and note.
    """

    config_path = _Path("config.json")  # a `TrainConfig`
    events = _Path("events.jsonl")  # written by the trainer, see `events`
    snapshots = _Path("moments.jsonl")  # of the network during training, see `snapshots`
    pins = _Path("pins.json")  # the images pinned to the run, see `pins`
    log = _Path("train.log")  # with tracebacks
    job_path = _Path("job.json")  # pid and start time of its process, or its job on a cluster
    request_path = _Path("request")  # a pending request, "pause" or "stop"
    weights_request = _Path("wanted")  # exists while a page waits for the current weights
    label_path = _Path("label.json")  # the name and note that a user gave
    last = _Path("checkpoints", "last.safetensors")  # the training state
    previous = _Path("checkpoints", "previous.safetensors")  # the one before, if that is damaged
    best = _Path("checkpoints", "best.safetensors")  # weights of the best epoch
    start = _Path("checkpoints", "start.safetensors")  # weights that the run began with, if given
    now = _Path("checkpoints", "now.safetensors")  # weights when they were last requested

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self.id = self.directory.name

    @property
    def ticket(self) -> Path:
        """Its number in the queue, while it waits for a device."""
        return ticket_path(self.directory)

    def epoch_weights(self, epoch: int) -> Path:
        """Weights at the end of an epoch, counted from 1; only some epochs have them."""
        return self.directory / "checkpoints" / f"epoch-{epoch:03}.safetensors"

    @property
    def checkpoints(self) -> list[Path]:
        """The training state files that exist, newest first."""
        return [path for path in (self.last, self.previous) if has_weights(path)]

    @property
    def exists(self) -> bool:
        """Whether this is a run: its directory has a ``config.json`` of any kind."""
        return os.path.lexists(self.config_path)

    @property
    def has_started(self) -> bool:
        """Whether a trainer has written anything to resume from or to show."""
        return is_file(self.events) or bool(self.checkpoints)

    # ------------------------------------------------------------------ settings and label

    @cached_property
    def config(self) -> TrainConfig:
        """The run's settings; the defaults where they cannot be read, to show something."""
        try:
            return self.read_config()
        except ConfigError:
            return TrainConfig()

    def read_config(self) -> TrainConfig:
        """The run's settings; where the file is damaged, those of the last start event.

        Raises:
            ConfigError: when neither can be read.
        """
        try:
            return TrainConfig.from_json(parse_json(read_bytes(self.config_path)))
        except (OSError, TypeError, ValueError, AttributeError) as error:
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                return TrainConfig.from_json((self.history.start or {})["config"])
            raise ConfigError(f"The settings of {self.id} cannot be read: {error}.") from error

    @cached_property
    def _label(self) -> dict[str, Any]:
        return read_json(self.label_path)

    @property
    def name(self) -> str:
        """The name that a user gave, else the default."""
        return one_line(self._label.get("name"))[:MAX_NAME] or self.default_name

    @property
    def default_name(self) -> str:
        """Recipe, changed settings, and local time, such as ``Quick look, lr 0.05, 27 Nov 14:03``.

        With seconds where another run was created in the same minute.
        """
        recipe, changes = recipes.RECIPES[self.config.recipe].title, self.config.changes_in_words()
        more = [f"{len(changes) - MAX_CHANGES} more"] if len(changes) > MAX_CHANGES else []
        title = ", ".join([recipe, *changes[:MAX_CHANGES], *more])
        minute = "%d %b %H:%M:%S" if ids.shares_minute(self.directory) else "%d %b %H:%M"
        return f"{title}, {_local(ids.created_at(self.id) or self.started_at):{minute}}"

    @property
    def note(self) -> str:
        """The note that a user gave, or ""."""
        return readable(self._label.get("note"))[:MAX_NOTE]

    @property
    def started_at(self) -> float:
        """Time of its first event, else of its creation, in seconds since 1970."""
        for time in (first_time(self.events), ids.created_at(self.id)):
            if time is not None:
                return time
        with suppress(OSError):
            return self.directory.stat().st_mtime
        return 0.0  # it is deleted

    @property
    def started(self) -> datetime:
        """The same in this machine's time zone."""
        return _local(self.started_at)

    # ------------------------------------------------------------------ progress and state

    @property
    def history(self) -> History:
        """What the run's events add up to by now."""
        return follow(self.events)

    @property
    def device(self) -> str:
        """The device that it trains on, else the one in its settings, such as ``auto``."""
        device: str = (self.history.start or {}).get("device", "")
        return device if SETTINGS["device"].allows(device) else self.config.device

    @property
    def eval_split(self) -> str:
        """Split that the epochs were evaluated on, also where the settings are lost."""
        return self.history.recorded_split or self.config.eval_split

    @property
    def best_accuracy(self) -> float | None:
        """The best epoch's accuracy on `eval_split`, 0 to 1; None before the first."""
        best = self.history.best
        return best["test_accuracy"] if best else None

    @property
    def accuracies(self) -> list[Accuracy]:
        """What is known of its accuracy: the best epoch's, then that of its weights at the end."""
        config, split, end = self.config, self.eval_split, self.history.end or {}
        test = self.history.test_accuracy if split == "validation" else None
        images = int(end.get("test_images", config.test_samples))
        eval_images = config.eval_images if split == config.eval_split else 0
        values = [
            (f"best {split} accuracy", self.best_accuracy, eval_images),
            ("test accuracy", test, images),
        ]
        return [Accuracy(name, share, count) for name, share, count in values if share is not None]

    @property
    def state(self) -> State:
        """The run's state, from its last event and whether its process is alive."""
        return derive_state(read_status(self.directory))

    @property
    def active(self) -> bool:
        """Whether a process trains it."""
        return self.state in ACTIVE

    @property
    def request(self) -> str:
        """The pending request: "pause", "stop", or ""."""
        return read_request(self.directory)

    @property
    def on_ray(self) -> bool:
        """Whether the newest launch is a job on a Ray cluster, see `ray_client`."""
        return isinstance(read_json(self.job_path).get("ray"), str)

    @property
    def resumable(self) -> bool:
        """Whether the run can resume, with epochs left to train."""
        return self.changeable and (self.unfinished or self.state != State.FINISHED)

    @property
    def changeable(self) -> bool:
        """Whether the settings to resume with can be changed."""
        state = self.state
        # One killed before its first checkpoint starts over, with the same result.
        return state not in LIVE and (bool(self.checkpoints) or state == State.INTERRUPTED)

    @property
    def unfinished(self) -> bool:
        """Whether planned epochs are left, and early stopping does not prevent them."""
        config, history = self.config, self.history
        done, best = history.epochs_done, history.best
        width = history.epochs[-1].get("width", config.width) if best else 0.0
        stops_early = best is not None and config.stops_early(done, int(best["epoch"]), width)
        return done < config.epochs and not stops_early

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping ended it before its planned epochs."""
        planned = (self.history.start or {}).get("config", {}).get("epochs")
        if not isinstance(planned, int):
            planned = self.config.epochs
        return self.state == State.FINISHED and self.history.epochs_done < planned

    # ------------------------------------------------------------------ messages

    @property
    def error(self) -> str:
        """Why the run failed or was interrupted, for the user; empty where it was neither."""
        return problems.error(self)

    @property
    def silence(self) -> Silence | None:
        """How long the run has given no sign of life while it trains; None as a rule."""
        return find_silence(self)

    @property
    def warning(self) -> str:
        """Problems that do not end the run, for the user; empty where there is none."""
        return problems.warning(self, FILES)

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of the trainer's log."""
        return problems.log_tail(self.log, lines)

    def to_json(self) -> dict[str, Any]:
        """The record that the command ``runs`` prints."""
        silence = self.silence
        return {
            **self.summary(),
            "warning": self.warning,
            "silent_seconds": round(silence.seconds, 1) if silence else None,
            "directory": str(self.directory),
        }

    def summary(self) -> dict[str, Any]:
        """The part of `to_json` that costs no look at each file and at the process."""
        history, validated = self.history, self.eval_split == "validation"
        best, last = self.best_accuracy, None
        if history.epochs:
            last = history.epochs[-1]["test_accuracy"]
        return {
            "id": self.id,
            "name": self.name,
            "state": str(self.state),
            "started": self.started.isoformat(timespec="seconds"),
            "recipe": self.config.recipe,
            "device": self.device,
            "epochs": history.epochs_done,
            "epochs_planned": self.config.epochs,
            "best_validation_accuracy": best if validated else None,
            "last_validation_accuracy": last if validated else None,
            "best_test_accuracy": history.test_accuracy,
            "last_test_accuracy": None if validated else last,
            "seconds": round(history.seconds, 1),
            "note": self.note,
        }


def _local(seconds: float) -> datetime:
    """A time since 1970 in this machine's time zone; 1970 for one that no calendar has."""
    try:
        return datetime.fromtimestamp(seconds).astimezone()
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0).astimezone()
