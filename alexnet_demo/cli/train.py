"""The command ``train``: a run made or taken up, then trained here, in a team, or in its turn."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_demo.cli.options import settings_of
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.signals import signal_handlers
from alexnet_demo.jobs import queue
from alexnet_demo.runs.devices import require_free
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.locks import launch_lock
from alexnet_demo.runs.process_info import is_own_job, is_registered, register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import get_run, new_run_directory, prepare, update_config
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import CHANGEABLE, SETTINGS, TrainConfig

if TYPE_CHECKING:
    from alexnet_demo.training.distributed import ProcessGroup

DONE, FAILED, INTERRUPTED = 0, 1, 130
LOG_FORMAT = "%(asctime)s %(message)s"


def run(options: argparse.Namespace) -> int:
    """Train as the command line asks, and return the exit status."""
    if options.wait:
        return _train_in_turn(options)
    from alexnet_demo.training.distributed import init_distributed

    with init_distributed() as group:
        told = ""
        if group.is_main:
            directory, settings = _resumed(options) if options.resume else _prepared(options)
            told = json.dumps([str(directory), settings.to_json()])
        place, record = json.loads(group.broadcast_object(told))
        directory, settings = Path(place), TrainConfig.from_json(record)
        if group.is_main:
            queue.leave(Run(directory))  # who started this may have been killed before it did so
            _log_to(directory / "train.log")
        else:
            logging.getLogger("alexnet_demo").setLevel(logging.ERROR)  # one speaks for all
        if settings.devices > group.size == 1:
            if not is_registered(directory, os.getpid()):
                register(directory, os.getpid())
            return _train_in_a_team(options, directory, settings)
        return _train_here(options, directory, settings, group)


def _train_in_turn(options: argparse.Namespace) -> int:
    """Have a run started when its turn comes, by whoever attends the queue, and watch it."""
    from alexnet_demo.cli.follow import follow
    from alexnet_demo.common.access import ADMIN
    from alexnet_demo.jobs import actions

    if options.run_dir or "RANK" in os.environ:
        raise ConfigError("The queue is of the runs under runs/: leave --run-dir and torchrun out.")
    waiting = None
    if options.resume:
        waiting, _ = _to_resume(options)
        if waiting.directory.parent != paths.RUNS_DIR:
            raise ConfigError(f"{waiting.directory} is not under runs/: leave --wait out.")
    interrupted: list[int] = []
    # Ctrl+C is held back, else a run might be left in the queue.
    with signal_handlers(lambda number, _: interrupted.append(number), signal.SIGINT):
        if waiting:
            outcome = actions.resume(waiting, role=ADMIN)
        else:
            outcome = actions.start(settings_of(options), role=ADMIN)
        run = get_run(str(outcome.run_id))
        if not outcome.done or not run:
            raise ConfigError(outcome.message)
        print(f"{outcome.message} ({run.id})", file=sys.stderr)
    echo = sys.stdout if options.json else None
    state = follow(run, echo, from_now=bool(waiting), interrupted=bool(interrupted))
    if state in ("failed", "interrupted"):
        raise RuntimeError(run.error)
    return _tell_end(state, run, options.json)


def _tell_end(reason: str, run: Run, json_only: bool) -> int:
    """Print how a training ended, and return the exit status."""
    if not json_only:
        best = run.best_accuracy
        reached = "" if best is None else f", best {run.config.eval_split} accuracy {best:.2%}"
        print(f"{reason.capitalize()}{reached}: {run.directory}")
    return INTERRUPTED if reason == "stopped" else DONE


def _train_here(
    options: argparse.Namespace, directory: Path, settings: TrainConfig, group: ProcessGroup
) -> int:
    """Train in this process, alone or as one of a team."""
    from alexnet_demo.training.worker import run_training

    echo = sys.stdout if options.json else None
    reason = run_training(settings, directory, echo, group)
    status = _tell_end(reason, Run(directory), options.json or not group.is_main)
    return status if group.size == 1 else DONE  # to torchrun, any other is a breakdown


def _train_in_a_team(options: argparse.Namespace, directory: Path, settings: TrainConfig) -> int:
    """Train in as many processes as asked for, and wait for them."""
    from alexnet_demo.training.distributed import PROCESS_LOST, launch

    arguments = [*settings.command(), "--run-dir", str(directory)]
    if options.resume:
        arguments = ["train", "--resume", str(directory)]
    status = launch([*arguments, *(["--json"] if options.json else [])], settings.devices)
    run = Run(directory)
    if status != 0 and run.history.end is None:  # torchrun calls a polite kill a breakdown, too
        events = EventWriter(run.events)
        events.write("error", message=PROCESS_LOST.format(size=settings.devices))
        events.close()
    state = run.state
    return {"stopped": INTERRUPTED, "finished": DONE, "paused": DONE}.get(state, FAILED)


def _log_to(path: Path) -> None:
    """Let a terminal's run have a log too."""
    if _written_to(path):
        return
    to_file = logging.FileHandler(path, encoding="utf-8")
    to_file.setFormatter(logging.Formatter(LOG_FORMAT))
    logging.getLogger("alexnet_demo").addHandler(to_file)


def _is_own_job(directory: Path) -> bool:
    """Whether the run is registered for this process, or for the one that launched its team."""
    pids = (os.getpid(), int(os.environ.get("ALEXNET_DEMO_LAUNCHER", "0")))
    return is_own_job(directory) or any(is_registered(directory, pid) for pid in pids if pid)


# ------------------------------------------------------------------ the run


def _prepared(options: argparse.Namespace) -> tuple[Path, TrainConfig]:
    """A directory to train in from the beginning, and its settings."""
    from alexnet_demo.network import device

    settings = settings_of(options)
    directory = (options.run_dir or new_run_directory(settings.recipe)).resolve()
    run = Run(directory)
    restarted = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    if restarted and not options.run_dir:
        raise ConfigError("A training that torchrun restarts needs a --run-dir, to find itself.")
    if (run.events.exists() or run.checkpoints) and not restarted:
        raise ConfigError(f"{directory} holds a run already: give it to --resume, or name another.")
    if not (directory / "config.json").exists():
        # Refused before anything is written; a page's run is there already and records it.
        wanted = str(device.check(settings))
        with launch_lock():  # until it is registered: of two at once the second is to see the first
            require_free(wanted)
            prepare(directory, settings)
            register(directory, os.getpid())
    elif run.read_config() != settings:
        raise ConfigError(f"{directory} was made for other settings: name another directory.")
    return directory, settings


def _to_resume(options: argparse.Namespace) -> tuple[Run, TrainConfig]:
    """The run to go on with, and its settings, changed as asked for."""
    given = {n: v for n in SETTINGS if (v := getattr(options, n)) is not None}
    if options.run_dir or not given.keys() <= set(CHANGEABLE):
        changeable = ", ".join(f"--{name.replace('_', '-')}" for name in CHANGEABLE)
        raise ConfigError(
            f"--resume goes on with the run's own settings: only {changeable} can be changed."
        )
    run = get_run(options.resume) or Run(Path(options.resume).resolve())
    if not (run.directory / "config.json").is_file():
        raise ConfigError(f"{options.resume!r} is no run to go on with: `runs` lists them.")
    if run.active and not _is_own_job(run.directory):
        raise ConfigError(f"{run.id} is training already.")
    settings = update_config(run, **given) if given else run.read_config()
    if run.state == "finished" and not run.unfinished:
        raise ConfigError(f"{run.id} is finished: --epochs with a greater number goes on with it.")
    return run, settings


def _resumed(options: argparse.Namespace) -> tuple[Path, TrainConfig]:
    """The directory of a run to go on with here and now, and its settings."""
    from alexnet_demo.network import device

    run, settings = _to_resume(options)
    if not _is_own_job(
        run.directory
    ):  # a page did this before it started us, and may have asked anew
        wanted = str(device.check(settings))
        with launch_lock():
            require_free(wanted, excluding=run.id)
            (run.directory / "request").unlink(missing_ok=True)
            register(run.directory, os.getpid())
    return run.directory, settings


def _written_to(log: Path) -> bool:
    """Whether standard error goes to this file already, as where a page started the process."""
    try:
        return os.path.samestat(os.fstat(sys.stderr.fileno()), log.stat())
    except (OSError, ValueError):
        return False
