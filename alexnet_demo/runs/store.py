"""The runs under ``runs/``: list and find them, and create or change a run directory."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import children, read_json, write_json
from alexnet_demo.runs import ids, pins
from alexnet_demo.runs.process_info import is_alive
from alexnet_demo.runs.run import Run, has_weights
from alexnet_demo.runs.state import TICKETS, State
from alexnet_demo.settings import config, paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.provenance import provenance

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def list_runs() -> list[Run]:
    """All runs, the last started first; skips directories whose name is not a valid id."""
    runs = [run for d in children(paths.RUNS_DIR) if (run := get_run(d.name))]
    return sorted(runs, key=lambda run: (run.started_at, run.id), reverse=True)


def get_run(run_id: str) -> Run | None:
    """The run with that id; None without one, or for an id that could leave ``runs/``."""
    if not _ID.fullmatch(run_id):
        return None
    run = Run(paths.RUNS_DIR / run_id)
    return run if run.exists else None


def find_run(name: str) -> Run:
    """The run that a command names by its id, a recorded run's id, or its directory.

    Raises:
        ConfigError: when there is none.
    """
    recorded = {run.id: run for run in recorded_runs()}
    run = get_run(name) or recorded.get(name) or Run(Path(name).resolve())
    if not run.exists:
        raise ConfigError(f"No run {name!r}: `python -m alexnet_demo runs` lists the runs.")
    return run


def recorded_runs() -> list[Run]:
    """The recorded runs, by id; they come with the program and are read only."""
    return [Run(path.parent) for path in sorted(paths.RECORDED_DIR.glob("*/config.json"))]


def active_runs() -> list[Run]:
    """The runs that are training; checks processes first, to read no other local histories."""
    return [run for run in list_runs() if (run.on_ray or is_alive(run.directory)) and run.active]


def queued_runs() -> list[Run]:
    """The runs that wait for a device of this machine, next one first."""
    tickets = children(paths.RUNS_DIR / TICKETS)
    runs = [run for path in tickets if (run := get_run(path.stem)) and run.state == State.QUEUED]
    return sorted(runs, key=lambda run: (ticket_number(run), run.id))


def ticket_number(run: Run) -> int:
    """A queued run's number, one more than the ticket before it, so that no clock matters."""
    number = read_json(run.ticket).get("number")
    return number if isinstance(number, int) else 0


def current_run() -> Run | None:
    """The active run, else the newest that has an epoch or has not failed, else the newest."""
    if active := active_runs():
        return active[0]
    runs = list_runs()
    usable = (run for run in runs if run.state != State.FAILED or run.history.epochs)
    return next(usable, runs[0] if runs else None)


def best_run() -> Run | None:
    """The run with the highest accuracy, as its epochs measured it, among those with weights."""
    usable = [run for run in list_runs() if has_weights(run.best)]
    return max(usable, key=lambda run: run.best_accuracy or 0.0, default=None)


def new_run_directory(recipe: str) -> Path:
    """A new directory, which does not exist yet."""
    return paths.RUNS_DIR / ids.new_id(recipe)


def prepare(directory: Path, settings: TrainConfig) -> None:
    """Create a run directory with its settings and pins."""
    (directory / "checkpoints").mkdir(parents=True, exist_ok=True)
    run = Run(directory)
    pins.write(run.pins, pins.for_next_run())
    write_json(run.config_path, {**settings.to_json(), **provenance()})


def update_config(run: Run, **settings: Any) -> TrainConfig:
    """Change settings of a run that is to resume; versions and commit in the file are kept.

    Returns:
        All its settings.

    Raises:
        ConfigError: when a value is out of range, or the epochs are fewer than those done.
        OSError: when the file cannot be written.
    """
    changed, done = replace(run.read_config(), **settings), run.history.epochs_done
    if changed.epochs < done:
        raise ConfigError(f"Epochs must be at least {done}, which are done already.")
    write_json(run.config_path, {**read_json(run.config_path), **changed.to_json()})
    run.__dict__.pop("config", None)
    return changed


def resolved_config(run: Run) -> TrainConfig:
    """The run's settings, with automatic values as the trainer resolved them."""
    start = run.history.start or {}
    resolved = {
        name: start[name]
        for name in ("precision", "memory_format")
        if config.SETTINGS[name].allows(start.get(name))
    }
    if run.config.devices == 1:  # several are numbered
        resolved["device"] = run.device
    return replace(run.config, **resolved)
