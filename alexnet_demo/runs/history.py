"""TODO docstring."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alexnet_demo.runs.events import Event, EventReader
from alexnet_demo.runs.tail import Followers

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


KEPT, NEWEST = 1_000, 200
"""Batch records that a history keeps, at most twice as many, and those of them that stay whole."""


# What else an event may hold, and must hold as such.
MORE_NUMBERS = ("width", "lr", "parameters", "processes", "epochs_done")


MORE_TEXTS = ("device", "device_name", "precision", "memory_format", "commit", "message", "reason")


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
    runs: the records of two hours take 20 MB, and a curve has 300 points. `read_full` has them all.
    """

    start: Event | None = None
    last: Event | None = None
    batches: list[Event] = field(default_factory=list)
    epochs: list[Event] = field(default_factory=list)
    grow_events: list[Event] = field(default_factory=list)
    test: Event | None = None
    fallback: Event | None = None
    end: Event | None = None
    seconds: float = 0.0
    """Wall-clock seconds that the trainer was at work, without pauses."""
    started_at: float | None = None
    """When the first event was written, in seconds since 1970."""
    marks: int = 0
    """Number of start, end and error events; it tells whether a launch has spoken yet."""
    kept: int = KEPT

    def add(self, event: Event) -> None:
        """Fold in the next event; one of an unknown kind or without its numbers is passed over."""
        if not _complete(event):
            return
        kind = event["event"]
        if self.started_at is None:
            self.started_at = event["time"]
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
            self.grow_events.append(event)
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
        self.grow_events = [g for g in self.grow_events if g["step"] < step]
        self.epochs = [e for e in self.epochs if e["step"] <= step and not _redone(e, event)]
        self.start, self.end, self.test = event, None, None
        self.marks += 1

    @property
    def step(self) -> int:
        """The last step recorded, or the one that the run resumed from."""
        last = self.batches[-1]["step"] if self.batches else 0
        return max(last, (self.start or {}).get("step", 0))

    @property
    def parameters(self) -> int:
        """The network's current number of parameters; 0 where it is unknown."""
        last = self.grow_events[-1] if self.grow_events else self.start or {}
        return last.get("parameters", 0)

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


_histories = Followers(History, most=2_000)


def follow(path: Path) -> History:
    """The history that a file holds by now; see `Followers.follow`."""
    return _histories.follow(path)


def read_full(path: Path) -> History:
    """The history that a file holds, read anew, with every batch record."""
    history = History(kept=sys.maxsize // 2)
    for event in EventReader(path).read():
        history.add(event)
    return history
