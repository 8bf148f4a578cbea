"""Commands as processes of their own on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from alexnet_demo.common.access import READ_ONLY, RESTRICTED, Role, has_access
from alexnet_demo.common.files import open_file
from alexnet_demo.runs.process_info import register
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig

LOW_PRIORITY = 10  # niceness; at 19 it would hardly run on a server with many visitors


def folders() -> dict[str, str]:
    """This process's data folders as environment variables of a child process."""
    return {
        "ALEXNET_DEMO_DATA": str(paths.DATA_DIR),
        "ALEXNET_DEMO_RUNS": str(paths.RUNS_DIR),
        "ALEXNET_DEMO_WEIGHTS": str(paths.WEIGHTS_DIR),
    }


def launch(arguments: list[str], directory: Path, output: str = "train.log") -> None:
    """Start a command that outlives this process, and register it in a directory, made if missing.

    Args:
        output: file in the directory for its standard output; standard error goes to the log.

    Raises:
        OSError: when it could not be started.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (
        open_file(directory / "train.log", "ab") as log,
        open_file(directory / output, "ab") as out,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "alexnet_demo", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            cwd=paths.ROOT,
            env=os.environ | folders(),
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # on Windows
        )
    # Collects the exit status, without which the child would stay a zombie.
    threading.Thread(target=process.wait, daemon=True).start()
    # It may have exited, and the log says why; or the disk is full, and a trainer tries again.
    with suppress(psutil.Error, OSError):
        register(directory, process.pid)


def choose_backend(weights: Path) -> subprocess.Popen[bytes]:
    """Start the command ``backend`` for a weights file at low priority; it caches its choice.

    Raises:
        OSError: when it could not be started.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "alexnet_demo", "backend", "--weights", str(weights)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=paths.ROOT,
        env=os.environ | folders(),
    )
    with suppress(psutil.Error):
        low = psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else LOW_PRIORITY
        psutil.Process(process.pid).nice(low)
    return process


def probe(settings: TrainConfig, *, role: Role = READ_ONLY) -> dict[str, Any]:
    """Measure this machine's devices with the command ``probe``.

    Returns:
        ``{"devices": [...], "speeds": [{...}, ...]}``, or ``{"error": sentence}``.
    """
    if not has_access(role):
        return {"error": RESTRICTED}
    command = [sys.executable, "-m", "alexnet_demo", "probe", *settings.command()[1:], "--json"]
    options: dict[str, Any] = {"cwd": paths.ROOT, "env": os.environ | folders(), "timeout": 180.0}
    try:
        process = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        if process.returncode == 0:
            return json.loads(process.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return {"error": f"This machine could not be measured: {error}."}
    last = process.stderr.strip().splitlines()[-1:] or ["The probe failed without a message."]
    return {"error": last[0].removeprefix("alexnet_demo probe: ")}
