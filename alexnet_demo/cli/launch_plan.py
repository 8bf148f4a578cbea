"""What ``train`` is to do: a record made from options, environment, and disk, without effects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from alexnet_demo.cli import options
from alexnet_demo.cli.options import Options
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.runs.process_info import is_own_job, is_registered
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import State
from alexnet_demo.runs.store import get_run, new_run_directory
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import CHANGEABLE, TrainConfig
from alexnet_demo.settings.setting import option

Mode = Enum("Mode", "QUEUE TORCHRUN HERE")
"""Who trains: the process that the scheduler starts, those of torchrun, or this one."""


@dataclass(frozen=True)
class LaunchPlan:
    """How to start or resume a run.

    Attributes:
        directory: of the run; a new run in the queue gets another from there.
        resume: whether ``--resume`` names the run.
        changes: settings to change in the config of a resumed run.
        start: weights that a new run begins with; None for initial ones.
        claimed: whether the run is already prepared and registered, by a page, by the process that
            launched this one, or before torchrun restarted it.
        json: whether to echo events on standard output.
    """

    mode: Mode
    directory: Path
    settings: TrainConfig
    resume: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    start: Path | None = None
    claimed: bool = False
    json: bool = False

    def command(self) -> list[str]:
        """The arguments with which torchrun starts each process."""
        new = [*self.settings.command(), "--run-dir", str(self.directory)]
        resume = ["train", "--resume", str(self.directory)]
        return [*(resume if self.resume else new), *(["--json"] if self.json else [])]


def plan_launch(args: Options, environment: Mapping[str, str] = os.environ) -> LaunchPlan:
    """Decide how to start or resume a run.

    Args:
        environment: torchrun's variables, and the launcher's process id.

    Raises:
        ConfigError: when options contradict each other or the run on disk.
    """
    plan = _resumed(args, environment) if args.resume else _new(args, environment)
    if args.start and (args.resume or args.wait):
        raise ConfigError("--start begins a new run here: leave out --resume and --wait.")
    if args.wait:
        if args.run_dir or "RANK" in environment:
            raise ConfigError("--wait needs a run under runs/: leave out --run-dir and torchrun.")
        if plan.resume and plan.directory.parent != paths.RUNS_DIR:
            raise ConfigError(f"{plan.directory} is not under runs/: leave --wait out.")
        return replace(plan, mode=Mode.QUEUE)
    if plan.settings.devices > 1 and int(environment.get("WORLD_SIZE", "1")) == 1:
        return replace(plan, mode=Mode.TORCHRUN)
    return plan


def _new(args: Options, environment: Mapping[str, str]) -> LaunchPlan:
    settings = options.settings_of(args)
    directory = (args.run_dir or new_run_directory(settings.recipe)).resolve()
    run = Run(directory)
    restarted = int(environment.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    if restarted and not args.run_dir:
        raise ConfigError("torchrun can only restart a run that has a --run-dir.")
    if run.has_started and not restarted:
        raise ConfigError(f"{directory} already contains a run: --resume it, or choose another.")
    claimed = run.exists
    if claimed and run.read_config() != settings:
        raise ConfigError(f"{directory} was made for other settings: choose another directory.")
    return LaunchPlan(
        Mode.HERE, directory, settings, start=args.start, claimed=claimed, json=args.json
    )


def _resumed(args: Options, environment: Mapping[str, str]) -> LaunchPlan:
    changes = options.given_settings(args)
    if args.run_dir or not changes.keys() <= set(CHANGEABLE):
        raise ConfigError(
            "--resume uses the run's own settings: only "
            f"{', '.join(map(option, CHANGEABLE))} can be changed."
        )
    run = get_run(args.resume) or Run(Path(args.resume).resolve())
    if not run.exists:
        raise ConfigError(f"{args.resume!r} is not a run: `runs` lists them.")
    pids = (os.getpid(), int(environment.get("ALEXNET_DEMO_LAUNCHER", "0")))
    claimed = is_own_job(run.directory) or any(is_registered(run.directory, pid) for pid in pids)
    if run.active and not claimed:
        raise ConfigError(f"{run.id} is already training.")
    run.config = replace(run.read_config(), **changes)  # planned, not saved
    if run.state == State.FINISHED and not run.unfinished:
        raise ConfigError(
            f"{run.id} is finished after {run.history.epochs_done} epochs: set more --epochs to "
            "continue training."
        )
    return LaunchPlan(
        Mode.HERE, run.directory, run.config, True, changes, claimed=claimed, json=args.json
    )
