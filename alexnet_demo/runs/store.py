"""TODO docstring."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.runs import pins
from alexnet_demo.runs.process_info import is_alive
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import config, paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.provenance import provenance

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def list_runs() -> list[Run]:
    """All runs, newest first; a directory whose name could be no run's id is none."""
    if not paths.RUNS_DIR.is_dir():
        return []
    names = [d for d in paths.RUNS_DIR.iterdir() if _ID.fullmatch(d.name)]
    found = [d for d in names if (d / "config.json").is_file()]
    return sorted(map(Run, found), key=lambda run: (run.started, run.id), reverse=True)


def get_run(run_id: str) -> Run | None:
    """The run of that id, or None; an id that could leave ``runs/`` is none."""
    if not _ID.fullmatch(run_id):
        return None
    directory = paths.RUNS_DIR / run_id
    return Run(directory) if (directory / "config.json").is_file() else None


def find_run(name: str) -> Run:
    """The run that a command names: by its id, also of a recorded one, or by its directory.

    Raises:
        ConfigError: when there is none.
    """
    recorded = {run.id: run for run in recorded_runs()}
    run = get_run(name) or recorded.get(name) or Run(Path(name).resolve())
    if not (run.directory / "config.json").is_file():
        raise ConfigError(f"{name!r} is no run: `python -m alexnet_demo runs` lists them.")
    return run


def recorded_runs() -> list[Run]:
    """Runs that come with this program, by name; there to be compared with, not to be changed."""
    return [Run(path.parent) for path in sorted(paths.RECORDED_DIR.glob("*/config.json"))]


def active_runs() -> list[Run]:
    """The runs that train now; of those here, reads no history but theirs."""
    return [run for run in list_runs() if (run.on_ray or is_alive(run.directory)) and run.active]


def queued_runs() -> list[Run]:
    """The runs that wait for a device of this machine, next one first."""
    runs = [run for run in list_runs() if run.ticket.exists() and run.state == "queued"]
    return sorted(runs, key=lambda run: (ticket_number(run), run.id))


def ticket_number(run: Run) -> int:
    """A queued run's number, one more than the ticket before it, so that no clock matters."""
    number = read_json(run.ticket).get("number")
    return number if isinstance(number, int) else 0


def current_run() -> Run | None:
    """The run that trains now, else the newest that came anywhere, else the newest."""
    if active := active_runs():
        return active[0]
    runs = list_runs()
    began = (run for run in runs if run.state != "failed" or run.history.epochs)
    return next(began, runs[0] if runs else None)


def best_run() -> Run | None:
    """Of the runs whose weights are there, the one with the highest test accuracy."""
    usable = [run for run in list_runs() if run.best.is_file()]
    return max(usable, key=lambda run: run.best_accuracy or 0.0, default=None)


def new_run_directory(recipe: str) -> Path:
    """A fresh directory, named by time so that names sort by age."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    return paths.RUNS_DIR / f"{stamp}-{recipe}-{secrets.token_hex(2)}"


def prepare(directory: Path, settings: TrainConfig) -> None:
    """Make a run directory."""
    (directory / "checkpoints").mkdir(parents=True, exist_ok=True)
    pins.write(directory / "pins.json", pins.for_next_run())
    write_json(directory / "config.json", {**settings.to_json(), **provenance()})


def update_config(run: Run, **settings: Any) -> TrainConfig:
    """Give a run that waits other settings to go on with; versions and commit in its file stay.

    Returns:
        All its settings.

    Raises:
        ConfigError: when a value is out of range, or fewer epochs are asked for than are done.
        OSError: when the file cannot be written.
    """
    changed, done = replace(run.read_config(), **settings), run.history.epochs_done
    if changed.epochs < done:
        raise ConfigError(f"Epochs must be at least {done}: so many are done.")
    path = run.directory / "config.json"
    write_json(path, {**read_json(path), **changed.to_json()})
    run.__dict__.pop("config", None)
    return changed


def resolved_config(run: Run) -> TrainConfig:
    """The run's settings, with what was automatic as it was settled when the training began."""
    start = run.history.start or {}
    settled = {
        name: start[name]
        for name in ("precision", "memory_format")
        if start.get(name) in config.SETTINGS[name].choices
    }
    if "device" in start and run.config.devices == 1:  # several are taken by number
        settled["device"] = start["device"]
    return replace(run.config, **settled)
