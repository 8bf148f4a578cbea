"""A run's events: one JSON object per line, appended by the trainer and read while it grows.

Each has ``event``, its kind, and ``time``, seconds since 1970. By kind, also:

``start``       config, device, device_name, precision, memory_format, processes, width, versions,
                commit, parameters, step (0, or the one that a resumed run continues from)
``batch``       step, epoch (fractional, 1.0 at the end of the first), loss and accuracy over the
                batches since the last such event, lr, images_per_s, peak_memory (bytes)
``grow``        step, epoch (fractional), width, parameters: the network was widened
``test``        epoch, done, total: progress of the evaluation after an epoch, and after the last
                one of that on the test set
``epoch``       step, epoch (whole, from 1), train_loss and train_accuracy (means over the epoch),
                split (``validation`` or ``test``, which epochs are evaluated on), test_loss and
                test_accuracy (on that split), width, seconds (training), test_seconds,
                images_per_s, peak_memory (bytes)
``checkpoint``  step, epoch, file
``fallback``    message: the newest checkpoint was damaged, and the run resumed from the previous
``end``         reason: finished, paused, or stopped; step; if finished with validation images,
                also test_loss, test_accuracy, test_images: the best weights on the test set
``error``       message: one sentence; the traceback is in the log
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import IO, Any, Generic, Protocol, TextIO, TypeVar

from alexnet_demo.common.files import open_file, parse_json

Event = dict[str, Any]

DURABLE = ("start", "epoch", "end", "error")
"""Kinds flushed to disk at once, as checkpoints are: a resumed run does not repeat these."""


class EventWriter:
    """Appends events to a file, and echoes them if ``echo`` is given.

    Args:
        path: None writes no file.

    Raises:
        OSError: when the file cannot be opened, or is not a regular file.
    """

    def __init__(self, path: Path | None, echo: TextIO | None = None) -> None:
        self._echo = echo
        self._file: IO[str] | None = None
        if path:
            with open_file(path, "ab+") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                # A killed writer may have left half a line: begin a new one.
                if file.read(1) not in (b"", b"\n"):
                    file.write(b"\n")
            self._file = open_file(path, "a", encoding="utf-8")

    def write(self, kind: str, **fields: Any) -> Event:
        """Append one event.

        Raises:
            ValueError: for a NaN or infinite number, which JSON cannot hold.
        """
        event: Event = {"event": kind, "time": round(time.time(), 3), **fields}
        line = json.dumps(event, allow_nan=False)
        for file in filter(None, (self._file, self._echo)):
            print(line, file=file, flush=True)
        if kind in DURABLE and self._file:
            os.fsync(self._file.fileno())
        return event

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


class EventReader:
    """Reads the events appended since the last call; skips incomplete and damaged lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def read(self) -> list[Event]:
        """New events in order; none while the file is missing or cannot be read."""
        try:
            with open_file(self.path) as file:
                file.seek(self.offset)
                block = file.read()
        except OSError:
            return []
        complete = block[: block.rfind(b"\n") + 1]
        self.offset += len(complete)
        return [event for event in parse_lines(complete) if isinstance(event.get("event"), str)]


def parse_lines(block: bytes) -> list[dict[str, Any]]:
    """The JSON objects in the complete lines of a text; skips damaged ones."""
    records = []
    for line in block[: block.rfind(b"\n") + 1].splitlines():
        with suppress(ValueError):
            records.append(parse_json(line))
    return [record for record in records if isinstance(record, dict)]


class Accumulator(Protocol):
    """What events are added to, one after the other."""

    def add(self, event: Event, /) -> None: ...


A = TypeVar("A", bound=Accumulator)


class _Tail(Generic[A]):
    """The accumulated events of one file, shared by the threads of this process."""

    def __init__(self, path: Path, make: Callable[[], A]) -> None:
        self._reader, self._make, self._lock = EventReader(path), make, Lock()
        self._accumulator = make()

    def update(self) -> A:
        path = self._reader.path
        with self._lock:
            if self._reader.offset > path.stat().st_size:  # truncated since
                self._reader, self._accumulator = EventReader(path), self._make()
            for event in self._reader.read():
                self._accumulator.add(event)
            return self._accumulator


def follower(make: Callable[[], A], files: int = 64) -> Callable[[Path], A]:
    """A function that returns a growing file's accumulated events, and reads only the new ones.

    Args:
        make: an empty accumulator.
        files: how many files to remember, the most recently used.
    """
    tail = lru_cache(files)(lambda path, _inode: _Tail(path, make))

    def follow(path: Path) -> A:
        try:
            return tail(path, path.stat().st_ino).update()
        except OSError:  # missing, a loop of links, or in a folder that may not be entered
            return make()

    return follow
