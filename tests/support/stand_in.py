"""A trainer without a network, for tests of what goes on around one: it starts at once.

It does as the real one does towards the outside: registers, takes its ticket, holds the device,
tells events, hears requests. ``epochs`` of 100 or more never end; fewer are over at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from alexnet_demo.jobs import queue
from alexnet_demo.runs.devices import device_lock
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.process_info import is_registered, register
from alexnet_demo.runs.run import Run

MAIN = "from alexnet_demo.cli.main import main; raise SystemExit(main(sys.argv[1:]))"


def interpreter(folder: Path) -> str:
    """A program to set `sys.executable` to, whose ``train`` is this file; the rest is real."""
    path = folder / "python"
    code = f"import sys; sys.executable = {str(path)!r}; {MAIN}"
    path.write_text(
        f'#!/bin/sh\nshift 2\ncase "$1 $*" in\n'
        f'*--wait*|queue*) exec {sys.executable} -c "{code}" "$@";;\n'
        f'*) exec {sys.executable} -m tests.support.stand_in "$@";;\nesac\n'
    )
    path.chmod(0o755)
    return str(path)


def train(run: Run) -> str:
    events = EventWriter(run.events)
    with device_lock(run.config.device).acquire(timeout=1):
        step = run.history.last["step"] if run.history.last else 0
        events.write("start", step=step, device=run.config.device, epochs_done=0)
        if step == 0:
            run.last.write_text(json.dumps({"by": os.getpid()}))
        request = ""
        while run.config.epochs >= 100 and not (request := run.request):
            step += 1
            numbers = dict.fromkeys(("loss", "accuracy", "images_per_s", "peak_memory"), 1.0)
            events.write("batch", step=step, epoch=step / 1000, **numbers)
            time.sleep(0.05)
        reason = {"pause": "paused", "stop": "stopped", "": "finished"}[request]
        events.write("end", reason=reason, step=step)
    return reason


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    place = next(
        a
        for a, before in zip(sys.argv[1:], sys.argv, strict=False)
        if before in ("--run-dir", "--resume")
    )
    run = Run(Path(place))
    run.read_config()
    if not is_registered(run.directory, os.getpid()):
        register(run.directory, os.getpid())
    queue.leave(run)
    print("training", train(run))
