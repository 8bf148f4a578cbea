"""Start the runs of an experiment like any others."""

from __future__ import annotations

from collections.abc import Iterable

from alexnet_demo.common.access import READ_ONLY, Role
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.jobs import actions
from alexnet_demo.runs.locks import launch_lock
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import LIVE
from alexnet_demo.runs.store import get_run
from alexnet_demo.runs.twin_runs import is_done, runs_here
from alexnet_demo.settings.experiments import Experiment, expected_seconds


def run_name(experiment: Experiment, label: str, seed: int) -> str:
    """What a run is called, such as ``Learning rate: 0.1, seed 0``."""
    return f"{experiment.title}: {label}, seed {seed}"


def start(
    experiment: Experiment, labels: Iterable[str], seed: int, *, role: Role = READ_ONLY
) -> list[Run]:
    """The runs of variants with this seed: those that there are, else new or resumed ones.

    The same seed gives the same result, so nothing is trained twice, also when two people start
    the same experiment at once.

    Raises:
        ConfigError: when one could not be started; those before it were.
    """
    try:
        with launch_lock():
            found = runs_here(experiment).get(seed, {})
            return [_start(experiment, label, seed, found.get(label), role) for label in labels]
    except OSError as error:  # of the lock; an action reports its own
        raise ConfigError(f"The runs could not be started: {error}.") from error


def _start(experiment: Experiment, label: str, seed: int, run: Run | None, role: Role) -> Run:
    """The run that there is of a variant, resumed if need be, or a new one."""
    if run and (is_done(run) or run.state in LIVE):
        return run
    if run and run.resumable:
        outcome = actions.resume(run, role=role)
    else:
        config, name = experiment.configs(seed)[label], run_name(experiment, label, seed)
        outcome = actions.start(config, expected_seconds(config), name=name, role=role)
    started = get_run(outcome.run_id or "")
    if not outcome.done or started is None:
        raise ConfigError(outcome.message)
    return started
