"""A run's events: one JSON object per line, appended by the trainer and read while it grows.

Each has ``event``, its kind, and ``time``, seconds since 1970. By kind, also:

``start``       config, device, device_uuid (which of the GPUs, however they are numbered),
                device_name, precision, tf32 (whether a GPU multiplies float32 so), memory_format,
                compilation, processes, width, versions, commit, parameters, step (0, or the one
                that a resumed run continues from)
``batch``       step, epoch (fractional, 1.0 at the end of the first), loss and accuracy over the
                batches since the last such event, lr, images_per_s, peak_memory (bytes)
``grow``        step, epoch (fractional), width, parameters: the network was widened
``test``        epoch, done, total: progress of the evaluation after an epoch, and after the last
                one of that on the test set
``epoch``       step, epoch (whole, from 1), train_loss and train_accuracy (means over the epoch),
                split (``validation`` or ``test``, which epochs are evaluated on), test_loss and
                test_accuracy (on that split), width, distinct_units (share by layer, see
                `network.distinct_units`; not in runs of version 0.5), seconds (training),
                test_seconds, images_per_s, peak_memory (bytes)
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
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from operator import and_
from pathlib import Path
from threading import Lock
from typing import IO, Any, Generic, Protocol, TextIO, TypeVar

from alexnet_demo.common.files import open_file, parse_json

Event = dict[str, Any]

DURABLE = ("start", "epoch", "end", "error")
"""Kinds flushed to disk at once, as checkpoints are: a resumed run does not repeat these."""
BATCH = b'{"event": "batch"'
"""How the line of a batch event begins."""
BLOCK, MAX_SIZE = 2**20, 2**32
"""Bytes of a file that are read at once, and in all."""
NEWEST = 2**16
"""Bytes at the end of a file of which every line is parsed: 300 batch events."""


class EventWriter:
    """Appends events to a file, and echoes them if ``echo`` is given; threads may share it.

    Args:
        path: None writes no file.

    Raises:
        OSError: when the file cannot be opened, or is not a regular file.
    """

    def __init__(self, path: Path | None, echo: TextIO | None = None) -> None:
        self._echo, self._lock = echo, Lock()
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
        with self._lock:
            event: Event = {"event": kind, "time": round(time.time(), 3), **fields}
            line = json.dumps(event, allow_nan=False)
            if self._file:
                print(line, file=self._file, flush=True)
            try:
                if self._echo:
                    print(line, file=self._echo, flush=True)
            except BrokenPipeError:  # nobody reads the echo any more; the run goes on
                self._echo = None
            if kind in DURABLE and self._file:
                os.fsync(self._file.fileno())
            return event

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


class EventReader:
    """Reads the events appended since the last call; skips incomplete and damaged lines.

    A file is read in blocks of `BLOCK` bytes, so memory is bounded by a block and what is made of
    it. Lines longer than a block are skipped, and so is all that follows the first `MAX_SIZE`
    bytes.

    Args:
        samples: of a long text, parse about this many ``batch`` lines, evenly spread, and those in
            its last `NEWEST` bytes. Lines of other kinds are all parsed, and so is the batch line
            before each. 0 parses all lines.

    Attributes:
        offset: bytes read so far.
    """

    def __init__(self, path: Path, samples: int = 0) -> None:
        self.path, self._samples = path, samples
        self.offset = 0

    def read(self) -> list[Event]:
        """New events in order; none while the file is missing or cannot be read."""
        return list(self.stream())

    def stream(self) -> Iterator[Event]:
        """New events as they are read; the next call repeats those not consumed."""
        with suppress(OSError), open_file(self.path) as file:
            end = min(file.seek(0, os.SEEK_END), MAX_SIZE)
            bytes_per_sample = (end - self.offset) / self._samples if self._samples else 0
            while self.offset < end:
                file.seek(self.offset)
                block = file.read(BLOCK)
                complete = block[: block.rfind(b"\n") + 1]
                if not complete and len(block) < BLOCK:
                    return  # the last line is incomplete
                newest = max(0, end - NEWEST - self.offset)
                older = complete[: complete.rfind(b"\n", 0, newest) + 1]
                lines = _sample(older, bytes_per_sample) + complete[len(older) :].split(b"\n")
                yield from (e for e in parse_lines(lines) if isinstance(e.get("event"), str))
                self.offset += len(complete or block)


def _sample(block: bytes, bytes_per_sample: float) -> list[bytes]:
    """The lines of a text but most of the batch lines: one in so many bytes is left."""
    lines = block.split(b"\n")
    step = int(bytes_per_sample * len(lines) / max(1, len(block)))
    if step <= 1:
        return lines
    is_batch = [line.startswith(BATCH) for line in lines]
    is_inner = map(and_, is_batch, [*is_batch[1:], False])
    return [
        line
        for i, (line, in_) in enumerate(zip(lines, is_inner, strict=True))
        if not in_ or not i % step
    ]


def parse_lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects in lines, as they are taken; skips damaged ones."""
    for line in lines:
        with suppress(ValueError):
            record = parse_json(line)
            if isinstance(record, dict):
                yield record


class Accumulator(Protocol):
    """What events are added to, one after the other."""

    def add(self, event: Event, /) -> None: ...


A = TypeVar("A", bound=Accumulator)


class _Tail(Generic[A]):
    """The accumulated events of one file, shared by the threads of this process.

    A thread that calls while another reads waits for it, so that none sees half of a file.
    """

    def __init__(self, path: Path, make: Callable[[], A], samples: int) -> None:
        self._path, self._make, self._samples, self._lock = path, make, samples, Lock()
        self._reset()

    def _reset(self) -> None:
        self._reader, self._accumulator = EventReader(self._path, self._samples), self._make()

    def update(self) -> A:
        with self._lock:
            size = self._path.stat().st_size
            if size < self._reader.offset:  # truncated since
                self._reset()
            if size > self._reader.offset:
                for event in self._reader.stream():
                    self._accumulator.add(event)
            return self._accumulator


def follower(make: Callable[[], A], files: int = 64, samples: int = 0) -> Callable[[Path], A]:
    """A function that returns a growing file's accumulated events, and reads only the new ones.

    A call for a file that has not grown costs one `stat`.

    Args:
        make: an empty accumulator.
        files: how many files to remember, the most recently used.
        samples: of a long file's batch events, how many to accumulate, see `EventReader`.
    """
    tail = lru_cache(files)(lambda path, _inode: _Tail(path, make, samples))

    def follow(path: Path) -> A:
        try:
            return tail(path, path.stat().st_ino).update()
        except OSError:  # missing, a loop of links, or in a folder that may not be entered
            return make()

    return follow
