"""``train``: start, queue, or resume a run as its `LaunchPlan` says, or find a learning rate."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_demo.cli import options
from alexnet_demo.cli.follow import follow
from alexnet_demo.cli.launch_plan import LaunchPlan, Mode, plan_launch
from alexnet_demo.cli.options import DONE, FAILED, INTERRUPTED, Options, file_path, nonempty
from alexnet_demo.common.access import ADMIN
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import open_file
from alexnet_demo.common.machine import has_gpu
from alexnet_demo.common.signals import signal_handlers
from alexnet_demo.jobs import actions
from alexnet_demo.runs import ray_client
from alexnet_demo.runs.devices import record, require_free
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.locks import launch_lock
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import State
from alexnet_demo.runs.store import get_run, prepare, update_config

if TYPE_CHECKING:
    from alexnet_demo.training.distributed import ProcessGroup

NO_GPU = (
    "No GPU was found. The default recipe, `article`, takes hours on a CPU; `--recipe quick` "
    "takes minutes."
)


def add_commands(add_command: Any) -> None:
    parser = add_command("train", run_train, "train AlexNet on Fashion-MNIST")
    options.add_training_options(parser)
    add = parser.add_argument
    add("--run-dir", type=file_path, help="directory of the run (default: a new one)")
    add("--resume", type=nonempty, metavar="RUN", help="id or directory of a run to resume")
    add("--start", type=file_path, metavar="WEIGHTS", help="weights to begin a new run with")
    add("--wait", action="store_true", help="queue behind the runs that use the device")
    add("--lr-find", action="store_true", help="run a learning-rate range test and suggest a rate")


def run_train(args: Options) -> int:
    if args.lr_find:
        return _find_lr(args)
    # Planned before torch loads, so that mistakes are reported at once.
    plan = plan_launch(args) if os.environ.get("RANK", "0") == "0" else None
    if plan and plan.mode is Mode.QUEUE:
        return _queue(plan)
    from alexnet_demo.training.distributed import init_distributed

    with init_distributed() as group:
        if plan:
            _claim(plan)
            if not plan.resume and _takes_hours(args):
                print(NO_GPU, file=sys.stderr)
            _log_to(plan.directory / "train.log")
        else:
            logging.getLogger("alexnet_demo").setLevel(logging.ERROR)  # rank 0 logs for all
        plan = group.broadcast_object(plan)
        return _launch(plan) if plan.mode is Mode.TORCHRUN else _train(plan, group)


def _takes_hours(args: Options) -> bool:
    """Whether the article's recipe is to be trained without a choice, and there is no GPU."""
    chosen = {"recipe", "width", "train_samples"} & options.given_settings(args).keys()
    return not (chosen or has_gpu() or ray_client.address())


def _claim(plan: LaunchPlan) -> None:
    """Prepare the run and register this process as its trainer, unless that is done."""
    from alexnet_demo.network import device

    run = Run(plan.directory)
    if plan.changes:
        update_config(run, **plan.changes)
    if not plan.claimed:
        if device.check(plan.settings).type != "cpu":
            record(device.uuids())
        with launch_lock():  # until it is registered: of two processes, the second sees the first
            require_free(plan.settings, run.id if plan.resume else "")
            if plan.resume:
                run.request_path.unlink(missing_ok=True)
            else:
                prepare(run.directory, plan.settings)
                if plan.start:
                    shutil.copyfile(plan.start, run.start)
            register(run.directory, os.getpid())
    run.ticket.unlink(missing_ok=True)  # in case the scheduler was killed before it did so


def _train(plan: LaunchPlan, group: ProcessGroup) -> int:
    """Train in this process, alone or as one of a process group."""
    from alexnet_demo.training.worker import run_training

    echo = sys.stdout if plan.json else None
    reason = run_training(plan.settings, plan.directory, echo, group)
    status = _report(reason, Run(plan.directory), quiet=plan.json or not group.is_main)
    return status if group.size == 1 else DONE  # torchrun takes any other status for a failure


def _launch(plan: LaunchPlan) -> int:
    """Train in one process per device, and wait for them."""
    from alexnet_demo.training.distributed import PROCESS_LOST, launch

    run = Run(plan.directory)
    register(run.directory, os.getpid())
    status = launch(plan.command(), plan.settings.devices)
    if status != 0 and run.history.end is None:  # torchrun reports a clean SIGTERM as failure, too
        with closing(EventWriter(run.events)) as events:
            events.write("error", message=PROCESS_LOST.format(size=plan.settings.devices))
    ends = {State.STOPPED: INTERRUPTED, State.FINISHED: DONE, State.PAUSED: DONE}
    return ends.get(run.state, FAILED)


def _queue(plan: LaunchPlan) -> int:
    """Have the scheduler start the run when its device is free, and follow it."""
    interrupted: list[int] = []
    # Ctrl+C has to wait until the run is known, or it would be left in the queue.
    with signal_handlers(lambda number, _: interrupted.append(number), signal.SIGINT):
        if plan.resume:
            run = Run(plan.directory)
            if plan.changes:
                update_config(run, **plan.changes)
            outcome = actions.resume(run, role=ADMIN)
        else:
            outcome = actions.start(plan.settings, role=ADMIN)
        started = get_run(str(outcome.run_id))
        if not outcome.done or not started:
            raise ConfigError(outcome.message)
        print(f"{outcome.message} ({started.id})", file=sys.stderr)
    echo = sys.stdout if plan.json else None
    state = follow(started, echo, from_now=plan.resume, interrupted=bool(interrupted))
    if state in (State.FAILED, State.INTERRUPTED):
        raise RuntimeError(started.error)
    return _report(state, started, quiet=plan.json)


def _report(reason: str, run: Run, *, quiet: bool) -> int:
    """Print how a run ended, and return the exit status."""
    if not quiet:
        results = (f"{accuracy.name} {accuracy.of(2)}" for accuracy in run.accuracies)
        print(f"{', '.join([reason.capitalize(), *results])}: {run.directory}")
    return INTERRUPTED if reason == "stopped" else DONE


def _log_to(path: Path) -> None:
    """Log to a file, too, unless standard error already is that file."""
    with suppress(OSError, ValueError):  # no such file yet, or standard error is not a file
        if os.path.samestat(os.fstat(sys.stderr.fileno()), path.stat()):
            return
    handler = logging.StreamHandler(open_file(path, "a", encoding="utf-8"))
    handler.setFormatter(logging.Formatter(options.LOG_FORMAT))
    logging.getLogger("alexnet_demo").addHandler(handler)


def _find_lr(args: Options) -> int:
    if args.resume or args.run_dir or args.wait:
        raise ConfigError(
            "--lr-find trains a new network: leave --resume, --run-dir, and --wait out."
        )
    settings, trials = options.settings_of(args), []
    from alexnet_demo.training import lr_range_test
    from alexnet_demo.training.worker import hold_device

    with hold_device(settings) as device:
        for trial in lr_range_test.range_test(replace(settings, device=str(device), devices=1)):
            trials.append(trial)
            options.show(args, asdict(trial), f"{trial.lr:.6f}  {trial.loss:.4f}")
    suggested = lr_range_test.suggest_lr(trials)
    options.show(args, {"suggested_lr": suggested}, f"Suggested: {suggested:g}")
    return DONE
