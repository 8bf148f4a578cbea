"""A run's history: its events accumulated into a curve without gaps or duplicates."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path

from alexnet_demo.common.files import open_file
from alexnet_demo.runs.events import Event, EventReader, follower, parse_lines

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
"""The finite numbers that an event of each kind must have for pages to use it."""
OPTIONAL_NUMBERS = (
    *("width", "lr", "parameters", "processes", "epochs_done"),
    *("test_loss", "test_accuracy", "test_images"),
)
OPTIONAL_TEXTS = (
    *("device", "device_name", "precision", "memory_format", "commit", "message", "reason"),
    "split",
)
FIRST_BYTES = 2**16
"""Bytes in which the first event is looked for."""
MAX_NUMBER = 1e15
"""No event means a larger number, and sums and dates of larger ones would overflow."""
MAX_BATCHES, NEWEST = 1_000, 200
"""A history is thinned to this many batch events at twice as many; the newest are not thinned."""


_Number = (int, float)
_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("time", *chain(*NUMBERS.values()), *OPTIONAL_NUMBERS), _Number),
    **dict.fromkeys(OPTIONAL_TEXTS, str),
    "config": dict,
}
_REQUIRED = {kind: {"time", *names} for kind, names in NUMBERS.items()}


def _is_valid(event: Event) -> bool:
    """Whether an event is of a known kind, and its fields are of the right types; NaN is not."""
    names = _REQUIRED.get(event["event"])
    if names is None or not names <= event.keys():
        return False
    for name, value in event.items():  # a loop, since this takes most of the time of reading
        expected = _TYPES.get(name)
        if expected is None:
            continue
        if not isinstance(value, expected):
            return False
        if expected is _Number and not -MAX_NUMBER <= value <= MAX_NUMBER:  # type: ignore[operator]
            return False
    return True


@dataclass
class History:
    """A run's accumulated events.

    A killed run repeats the steps after its last checkpoint when it resumes. Its new ``start``
    event has the step that it resumes from, and all later events before that are dropped here.
    Each event has ``elapsed`` added, the `seconds` at which it was recorded.

    A long run's batch events are thinned, since a server holds the histories of all its runs: two
    hours of events take 20 MB, and a curve has 300 points. `read_full` keeps them all.
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
    """Wall-clock seconds of training and evaluation, without pauses."""
    started_at: float | None = None
    """Time of the first event, in seconds since 1970."""
    marks: int = 0
    """Number of start, end, and error events, which tells whether a launch has reported yet."""
    longest_pause: float = 0.0
    """Longest time in seconds before a checkpoint event of this launch: how long writing takes."""
    max_batches: int = MAX_BATCHES
    updates: int = 0
    """Number of events added, which tells whether anything is new."""

    def add(self, event: Event) -> None:
        """Add the next event; skip an invalid one."""
        if not _is_valid(event):
            return
        kind = event["event"]
        self.updates += 1
        if self.started_at is None:
            self.started_at = event["time"]
        if self.last and kind != "start":
            self.seconds += max(0.0, event["time"] - self.last["time"])
        if self.last and kind == "checkpoint":
            self.longest_pause = max(self.longest_pause, event["time"] - self.last["time"])
        event = {**event, "elapsed": self.seconds}
        if kind == "start":
            self._resume(event)
        elif kind == "batch":
            self.batches.append(event)
            if len(self.batches) > 2 * self.max_batches:
                thinned = _thin(self.batches[:-NEWEST], self.max_batches)
                self.batches = thinned + self.batches[-NEWEST:]
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

    def _resume(self, start: Event) -> None:
        """Drop what a run that resumes repeats: later steps, and an evaluation after this step."""
        step, done = start["step"], start.get("epochs_done", 0)
        self.batches = [b for b in self.batches if b["step"] <= step]
        self.grow_events = [g for g in self.grow_events if g["step"] < step]
        self.epochs = [
            e for e in self.epochs if e["step"] < step or (e["step"] == step and e["epoch"] <= done)
        ]
        self.start, self.end, self.test = start, None, None
        self.longest_pause = 0.0
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
        """Epochs trained and evaluated, even where the event of an earlier one was lost."""
        return int(self.epochs[-1]["epoch"]) if self.epochs else 0

    @property
    def recorded_split(self) -> str:
        """Split that the last epoch says it was evaluated on; empty where none says so."""
        split = self.epochs[-1].get("split") if self.epochs else ""
        return split if split in ("validation", "test") else ""

    @property
    def eval_split(self) -> str:
        """Split that each epoch is evaluated on: ``validation`` or ``test``."""
        config = (self.start or {}).get("config", {})
        return self.recorded_split or ("validation" if config.get("validation") else "test")

    @property
    def eval_set(self) -> str:
        """Images that each epoch is evaluated on, in words, such as ``2,000 test images``."""
        config = (self.start or {}).get("config", {})
        count = config.get("validation" if self.eval_split == "validation" else "test_samples")
        images = f"{self.eval_split} images"
        return f"{count:,} {images}" if isinstance(count, int) else images

    @property
    def best(self) -> Event | None:
        """The first epoch with the highest accuracy, at the greatest width of the network."""
        return max(self.epochs, key=lambda e: (e.get("width", 0), e["test_accuracy"]), default=None)

    @property
    def test_accuracy(self) -> float | None:
        """Accuracy of the best weights on the test set, 0 to 1; None where it is not measured.

        A run with validation images measures it once, when it finishes.
        """
        source = self.best if self.eval_split == "test" else self.end
        return (source or {}).get("test_accuracy")


def _thin(batches: list[Event], count: int) -> list[Event]:
    """About ``count`` of the events, evenly spread over the steps, the first among them."""
    distance = (batches[-1]["step"] - batches[0]["step"]) / count
    if distance <= 0:
        return batches[-count:]
    thinned = batches[:1]
    for event in batches:
        if event["step"] - thinned[-1]["step"] >= distance:
            thinned.append(event)
    return thinned


follow = follower(History, files=2_000, samples=MAX_BATCHES)
"""The history of an events file by now; of a long file, without most of the batch events."""


def read_full(path: Path) -> History:
    """The history of an events file, read from its beginning, with every batch event."""
    history = History(max_batches=sys.maxsize // 2)
    for event in EventReader(path).stream():
        history.add(event)
    return history


def first_time(path: Path) -> float | None:
    """Time of the first event in a file, in seconds since 1970; reads only its beginning."""
    try:
        return _first_time(path, path.stat().st_ino)
    except (OSError, StopIteration):
        return None


@lru_cache(4_000)
def _first_time(path: Path, _inode: int) -> float:
    """The time, which never changes; not cached before there is one."""
    with open_file(path) as file:
        events = parse_lines(file.read(FIRST_BYTES).split(b"\n"))
    return next(e["time"] for e in events if isinstance(e.get("event"), str) and _is_valid(e))
