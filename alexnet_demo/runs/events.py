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
import time
from pathlib import Path
from typing import Any, TextIO

from alexnet_demo.common.files import parse_json

Event = dict[str, Any]

LASTING = ("start", "epoch", "end", "error")
"""What is on the disk once it is written, as checkpoints are: a resumed run does not repeat it."""


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
