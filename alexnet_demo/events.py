"""A run's event records: one JSON object a line, appended by the trainer, read as they come.

Imports no torch. The kinds, besides ``event`` and ``time`` (seconds since 1970) in each:

``start``       config, device, device_name, precision, memory_format, processes, width, versions,
                commit, parameters, step (0, or where a resumed run goes on)
``batch``       step, epoch (fractional, 1.0 when the first is over), loss and accuracy over the
                batches since the last such event, lr, images_per_s, peak_memory (bytes)
``grow``        step, epoch (fractional), width, parameters: the network was widened
``test``        epoch, done, total: how far the evaluation after an epoch has come
``epoch``       step, epoch (whole, from 1), train_loss, train_accuracy, test_loss, test_accuracy,
                width, seconds (training), test_seconds, images_per_s, peak_memory (bytes)
``checkpoint``  step, epoch, file
``fallback``    message: the newest checkpoint was damaged, and the run went on from the one before
``end``         reason: finished, paused or stopped; step
``error``       message: one sentence; the traceback is in the log
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TextIO, TypeVar

from alexnet_demo.common.files import parse_json

Event = dict[str, Any]

# What an event must hold, as finite numbers, for pages to use it.
NUMBERS = {
    "start": ("step",),
    "batch": ("step", "epoch", "loss", "accuracy", "images_per_s", "peak_memory"),
    "grow": ("step", "epoch", "width"),
    "test": ("epoch", "done", "total"),
    "epoch": (
        *("step", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"),
        *("seconds", "test_seconds", "images_per_s", "peak_memory"),
    ),
    "checkpoint": ("step", "epoch"),
    "fallback": (),
    "end": (),
    "error": (),
}
MAX_NUMBER = 1e15
"""Beyond it lies no number that an event can mean; sums and dates of them would overflow."""
LASTING = ("start", "epoch", "end", "error")
"""What is on the disk once it is written, as checkpoints are: a resumed run does not repeat it."""
KEPT, NEWEST = 1_000, 200
"""Batch records that a history keeps, at most twice as many, and those of them that stay whole."""
# What else an event may hold, and must hold as such.
MORE_NUMBERS = ("width", "lr", "parameters", "processes", "epochs_done")
MORE_TEXTS = ("device", "device_name", "precision", "memory_format", "commit", "message", "reason")


class EventWriter:
    """Appends events to a file, each line flushed at once, and echoes them where asked."""

    def __init__(self, path: Path, echo: TextIO | None = None) -> None:
        self._echo = echo
        # A killed writer may have left half a line: begin on a new one.
        torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
        self._file = path.open("a", encoding="utf-8")
        if torn:
            self._file.write("\n")
        self._on_disk = path.is_file()

    @classmethod
    def silent(cls) -> EventWriter:
        """A writer whose events go nowhere."""
        return cls(Path(os.devnull))

    def write(self, kind: str, **fields: Any) -> Event:
        """Append one event.

        Raises:
            ValueError: when a number is NaN or infinite, which JSON cannot hold.
        """
        event: Event = {"event": kind, "time": round(time.time(), 3), **fields}
        line = json.dumps(event, allow_nan=False)
        for file in filter(None, (self._file, self._echo)):
            print(line, file=file, flush=True)
        if kind in LASTING and self._on_disk:
            os.fsync(self._file.fileno())
        return event

    def close(self) -> None:
        self._file.close()


class EventReader:
    """Reads what was appended since the last call; half-written and broken lines do no harm."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def read(self) -> list[Event]:
        """New events in order; none while the file does not exist."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                block = file.read()
        except FileNotFoundError:
            return []
        complete = block[: block.rfind(b"\n") + 1]
        self.offset += len(complete)
        return [event for line in complete.splitlines() if (event := _parse(line))]


def _parse(line: bytes) -> Event | None:
    try:
        event = parse_json(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _complete(event: Event) -> bool:
    """Whether an event is of a known kind and holds what belongs to it, as it should be."""
    names = NUMBERS.get(event["event"])
    return (
        names is not None
        and all(_is_number(event.get(name)) for name in (*names, "time"))
        and all(_is_number(event.get(name, 0)) for name in MORE_NUMBERS)
        and all(isinstance(event.get(name, ""), str) for name in MORE_TEXTS)
        and isinstance(event.get("config", {}), dict)
    )


def _is_number(value: Any) -> bool:
    """Whether it is a number that can be worked with; NaN is none."""
    return isinstance(value, int | float) and abs(value) <= MAX_NUMBER


@dataclass
class History:
    """What a run's events say, folded: the curve without gaps or doubled points.

    A run that was killed repeats the steps after its last checkpoint when it resumes; its new
    ``start`` event tells from which step, and what was recorded beyond it is dropped here.
    Each event kept here carries ``elapsed``, the `seconds` at which it was recorded.

    Of a long training only some batches are kept, since a server holds the histories of all its
    runs: the records of two hours take 20 MB, and a curve has 300 points. `whole` has them all.
    """

    start: Event | None = None
    last: Event | None = None
    batches: list[Event] = field(default_factory=list)
    epochs: list[Event] = field(default_factory=list)
    grown: list[Event] = field(default_factory=list)
    test: Event | None = None
    fallback: Event | None = None
    end: Event | None = None
    seconds: float = 0.0
    """Wall-clock seconds that the trainer was at work, without pauses."""
    began: float | None = None
    """When the first event was written, in seconds since 1970."""
    marks: int = 0
    """Number of start, end and error events; it tells whether a launch has spoken yet."""
    kept: int = KEPT

    def add(self, event: Event) -> None:
        """Fold in the next event; one of an unknown kind or without its numbers is passed over."""
        if not _complete(event):
            return
        kind = event["event"]
        if self.began is None:
            self.began = event["time"]
        if self.last and kind != "start":
            self.seconds += max(0.0, event["time"] - self.last["time"])
        event = {**event, "elapsed": self.seconds}
        if kind == "start":
            self._resume(event)
        elif kind == "batch":
            self.batches.append(event)
            if len(self.batches) > 2 * self.kept:
                self.batches = _spread(self.batches[:-NEWEST], self.kept) + self.batches[-NEWEST:]
        elif kind == "epoch":
            self.epochs.append(event)
            self.test = None
        elif kind == "grow":
            self.grown.append(event)
        elif kind == "test":
            self.test = event
        elif kind == "fallback":
            self.fallback = event
        elif kind in ("end", "error"):
            self.end, self.test = event, None
            self.marks += 1
        self.last = event

    def _resume(self, event: Event) -> None:
        step = event["step"]
        self.batches = [b for b in self.batches if b["step"] <= step]
        self.grown = [g for g in self.grown if g["step"] < step]
        self.epochs = [e for e in self.epochs if e["step"] <= step and not _redone(e, event)]
        self.start, self.end, self.test = event, None, None
        self.marks += 1

    @property
    def epochs_done(self) -> int:
        """Epochs trained and tested, also where the record of one was lost."""
        return int(self.epochs[-1]["epoch"]) if self.epochs else 0

    @property
    def best(self) -> Event | None:
        """The epoch with the highest test accuracy, the first of equals.

        Of a network that grew, only its whole width counts.
        """
        return max(self.epochs, key=lambda e: (e.get("width", 0), e["test_accuracy"]), default=None)


def _spread(batches: list[Event], count: int) -> list[Event]:
    """About so many of the records, evenly spread over the steps, the first among them."""
    least = (batches[-1]["step"] - batches[0]["step"]) / count
    found = batches[:1]
    for record in batches:
        if record["step"] - found[-1]["step"] >= least:
            found.append(record)
    return found if least > 0 else batches[-count:]


def _redone(epoch: Event, start: Event) -> bool:
    """Whether a run resumes just before the evaluation that gave this epoch's event."""
    return epoch["step"] == start.get("step") and epoch["epoch"] > start.get("epochs_done", 0)


class Foldable(Protocol):
    """What events are folded into, one after the other."""

    def add(self, event: Event, /) -> None: ...


F = TypeVar("F", bound=Foldable)


class _Follower(Generic[F]):
    """One file's reader and what it was folded into, shared by all threads of this process."""

    def __init__(self, path: Path, folded: F) -> None:
        self._reader, self._folded, self._lock = EventReader(path), folded, threading.Lock()

    @property
    def read_to(self) -> int:
        return self._reader.offset

    def update(self) -> F:
        with self._lock:
            for event in self._reader.read():
                self._folded.add(event)
            return self._folded


class Followers(Generic[F]):
    """Files that are read on as they grow, the least recently asked for forgotten first.

    Args:
        make: an empty fold.
        most: how many files to remember.
    """

    def __init__(self, make: Callable[[], F], most: int = 64) -> None:
        self._make, self._most, self._lock = make, most, threading.Lock()
        self._followers: OrderedDict[tuple[Path, int], _Follower[F]] = OrderedDict()

    def follow(self, path: Path) -> F:
        """What a file holds by now, folded; reads only what is new since the last call."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return self._make()
        key = (path, found.st_ino)
        with self._lock:
            follower = self._followers.pop(key, None)
            if follower is None or follower.read_to > found.st_size:  # cut short meanwhile
                follower = _Follower(path, self._make())
            self._followers[key] = follower
            while len(self._followers) > self._most:
                self._followers.popitem(last=False)
        return follower.update()


_histories = Followers(History, most=2_000)


def follow(path: Path) -> History:
    """The history that a file holds by now; see `Followers.follow`."""
    return _histories.follow(path)


def whole(path: Path) -> History:
    """The history that a file holds, read anew, with every batch record."""
    history = History(kept=sys.maxsize // 2)
    for event in EventReader(path).read():
        history.add(event)
    return history
