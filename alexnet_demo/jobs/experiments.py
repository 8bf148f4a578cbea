"""Start the runs of an experiment like any others."""

from __future__ import annotations

from alexnet_demo.common.access import READ_ONLY, Role
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.jobs import actions
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import LIVE
from alexnet_demo.runs.store import get_run
from alexnet_demo.runs.twin_runs import is_done, runs_here
from alexnet_demo.settings.experiments import Experiment, expected_seconds


def run_name(experiment: Experiment, label: str, seed: int) -> str:
    """What a run is called, such as ``Learning rate: 0.1, seed 0``."""
    return f"{experiment.title}: {label}, seed {seed}"


def start(experiment: Experiment, label: str, seed: int, *, role: Role = READ_ONLY) -> Run:
    """The run of a variant with this seed: the one that there is, else a new or a resumed one.

    The same seed gives the same result, so nothing is trained twice.

    Raises:
        ConfigError: when it could not be started.
    """
    run = runs_here(experiment).get(seed, {}).get(label)
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
