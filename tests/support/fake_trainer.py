"""A trainer without a network, which starts at once, for tests of the processes around a trainer.

It registers, takes its ticket, holds its device, writes events, and obeys requests as the real one
does. It trains `ENDLESS` settings until it is told to stop, and any fewer epochs in no time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from alexnet_demo.runs.devices import device_lock
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.config import TrainConfig
from tests.support.runs import tiny_config
from tests.support.waiting import PATIENCE

PYTHON = sys.executable
ENDLESS, SHORT = tiny_config(epochs=200), tiny_config(epochs=1)


def interpreter(folder: Path) -> str:
    """A program for `sys.executable` whose ``train`` is this module; the rest is real."""
    path = folder / "python"
    main = "from alexnet_demo.cli.main import main; raise SystemExit(main(sys.argv[1:]))"
    code = f"import sys; sys.executable = {str(path)!r}; {main}"
    path.write_text(
        f'#!/bin/sh\nshift 2\ncase "$1 $*" in\n'
        f'*--wait*|queue*) exec {PYTHON} -c "{code}" "$@";;\n'
        f'*) exec {PYTHON} -m tests.support.fake_trainer "$@";;\nesac\n'
    )
    path.chmod(0o755)
    return str(path)


def start_and_kill_server(settings: TrainConfig, count: int = 1) -> list[str]:
    """Start runs from another process, as a web server does, and kill it; return the runs' ids."""
    code = (
        f"import sys, time; sys.executable = {sys.executable!r};"
        "from alexnet_demo.jobs import actions;"
        "from alexnet_demo.settings.config import TrainConfig;"
        f"settings = TrainConfig(**{settings.to_json()!r});"
        f"print(*[actions.start(settings).run_id for _ in range({count})], flush=True);"
        "time.sleep(999)"
    )
    server = subprocess.Popen([PYTHON, "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    ids = server.stdout.readline().split()
    server.kill()
    server.wait()
    return ids


def train(run: Run) -> None:
    """Train the run, as far as anybody outside can see."""
    events = EventWriter(run.events)
    with device_lock(run.config.device).acquire(timeout=PATIENCE):
        step = run.history.step
        events.write("start", step=step, device=run.config.device, epochs_done=0)
        run.last.write_text("state")
        request = ""
        while run.config.epochs >= ENDLESS.epochs and not (request := run.request):
            step += 1
            numbers = dict.fromkeys(("loss", "accuracy", "images_per_s", "peak_memory"), 1.0)
            events.write("batch", step=step, epoch=step / 1000, **numbers)
            time.sleep(0.05)
        reason = {"pause": "paused", "stop": "stopped", "": "finished"}[request]
        events.write("end", reason=reason, step=step)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    option = "--resume" if "--resume" in sys.argv else "--run-dir"
    run = Run(Path(sys.argv[sys.argv.index(option) + 1]))
    run.read_config()
    register(run.directory, os.getpid())
    run.ticket.unlink(missing_ok=True)
    train(run)
