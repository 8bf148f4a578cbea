"""What is wrong with a run, in sentences for the user: why it ended, and files it cannot read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_demo.common.files import MAX_BYTES, children, is_readable, open_file, read_json
from alexnet_demo.common.text import one_line
from alexnet_demo.runs.state import State, derive_state, read_status

if TYPE_CHECKING:
    from alexnet_demo.runs.run import Run

FAILURE = "alexnet_demo train: "
"""Prefix of the line in which the command reports why it failed."""
NOT_FINITE = "NaN or infinite"
"""Part of the error of a run that diverged: what its loss became."""
DISK_FULL = 2**20
"""Free bytes below which a disk counts as full."""


def error(run: Run) -> str:
    """Why a run failed or was interrupted; empty where it was neither."""
    status = read_status(run.directory)
    state = derive_state(status)
    if state == State.FAILED:
        if status.end and status.end["event"] == "error":
            return one_line(status.end.get("message"))
        message = failure_message(log_tail(run.log))
        return message or "The trainer exited before training started: see the log."
    if state == State.INTERRUPTED:
        resume = " Resume continues from its last checkpoint." if run.checkpoints else ""
        return _interruption(run) + resume
    return ""


def _interruption(run: Run) -> str:
    """The likely cause of a trainer that ended without a last event, if there was one."""
    if not run.has_started and not read_json(run.job_path):
        return "This run has not started yet: Resume starts it."
    if run.on_ray:
        return "The cluster ended this run, or is not responding."
    with suppress(OSError):
        if shutil.disk_usage(run.directory).free < DISK_FULL:
            return "The disk is full, so the trainer stopped: free some space."
    return "The trainer was killed or ran out of memory."


def warning(run: Run, files: Iterable[Path]) -> str:
    """Problems that do not end a run; empty where there is none.

    Args:
        files: relative paths of all files that a run directory may have.
    """
    found = []
    if names := _unreadable(run.directory, files):
        found.append(f"{', '.join(names)}: a link, or not readable, so treated as empty.")
    if not read_json(run.config_path):
        settings = "the settings were restored from the event log"
        if not (run.history.start or {}).get("config"):
            settings = "the default settings are shown"
        found.append(f"config.json is damaged; {settings}.")
    found.append(one_line((run.history.fallback or {}).get("message")))
    return " ".join(filter(None, found))


def _unreadable(directory: Path, files: Iterable[Path]) -> list[str]:
    """Names of files and folders that count as empty, since they cannot be read."""
    folder = directory / "checkpoints"
    weights = (path for path in children(folder) if path.suffix == ".safetensors")
    paths = {*map(directory.joinpath, files), *weights}
    names = [path.name for path in paths if os.path.lexists(path) and not is_readable(path)]
    if folder.is_symlink() or not _can_list(folder):
        names.append(folder.name)
    return sorted(names)


def _can_list(folder: Path) -> bool:
    """Whether a folder can be listed, or is missing."""
    try:
        os.scandir(folder).close()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def log_tail(log: Path, lines: int = 12) -> str:
    """The last lines of a trainer's log; empty where there is none."""
    try:
        with open_file(log) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 200 * lines))
            text = file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def failure_message(log: str) -> str:
    """The last sentence in which a log's command reports why it failed; empty without one."""
    messages = [line for line in log.splitlines() if line.startswith(FAILURE)]
    return messages[-1].removeprefix(FAILURE) if messages else ""
