"""Commands started as processes of their own on this machine. Imports no torch."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from alexnet_demo import config
from alexnet_demo.runs import register


def places() -> dict[str, str]:
    """This process's folders for the child, which has another working directory."""
    return {
        "ALEXNET_DEMO_DATA": str(config.DATA_DIR),
        "ALEXNET_DEMO_RUNS": str(config.RUNS_DIR),
        "ALEXNET_DEMO_WEIGHTS": str(config.WEIGHTS_DIR),
    }


def launch(arguments: list[str], directory: Path, output: str = "train.log") -> None:
    """Start a command detached: it outlives this process, and its words go to the log.

    Raises:
        OSError: when it could not be started.
    """
    with (directory / "train.log").open("ab") as log, (directory / output).open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "alexnet_demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            cwd=config.ROOT,
            env=os.environ | places(),
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # on Windows
        )
    # Nobody else would collect its exit status, and an uncollected child stays as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    # It ended already, and the log says why; or the disk is full, and a trainer tries again.
    with suppress(psutil.Error, OSError):
        register(directory, process.pid)
