"""Starting an experiment's runs: each once, under a name that says what it belongs to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from alexnet_demo.common.access import ADMIN, READ_ONLY
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.jobs import experiments
from alexnet_demo.runs.state import State
from alexnet_demo.runs.store import list_runs
from tests.support.experiments import TINY_EXPERIMENT
from tests.support.runs import canned_run
from tests.support.waiting import wait_for


def test_a_run_is_started_once_and_named(runs_dir: Path, fake_trainers: None) -> None:
    (run,) = experiments.start(TINY_EXPERIMENT, ["fast"], 3, role=ADMIN)
    wait_for(lambda: run.state == State.FINISHED, "the run did not finish")
    assert run.config == TINY_EXPERIMENT.configs(3)["fast"]
    assert all(part in run.name for part in (TINY_EXPERIMENT.title, "fast", "3"))
    (again,) = experiments.start(TINY_EXPERIMENT, ["fast"], 3, role=ADMIN)
    assert again.id == run.id
    assert len(list_runs()) == 1


def test_two_people_at_once_start_each_run_once(runs_dir: Path, fake_trainers: None) -> None:
    labels = [*TINY_EXPERIMENT.variants]
    with ThreadPoolExecutor() as pool:
        starts = [
            pool.submit(experiments.start, TINY_EXPERIMENT, labels, 3, role=ADMIN) for _ in range(2)
        ]
    first, second = ({run.id for run in started.result()} for started in starts)
    assert first == second == {run.id for run in list_runs()}
    assert len(first) == len(labels)


def test_a_folder_that_cannot_be_locked_is_an_error_in_words(runs_dir: Path) -> None:
    (runs_dir / ".launch.lock").mkdir(parents=True)
    with pytest.raises(ConfigError, match="could not be started"):
        experiments.start(TINY_EXPERIMENT, ["fast"], 0, role=ADMIN)


def test_a_stopped_run_is_resumed(runs_dir: Path, fake_trainers: None, tiny_weights: Path) -> None:
    config = TINY_EXPERIMENT.configs()["slow"]
    run = canned_run(runs_dir, "half", (), "stopped", settings=config, weights=tiny_weights)
    (resumed,) = experiments.start(TINY_EXPERIMENT, ["slow"], 0, role=ADMIN)
    assert resumed.id == run.id
    wait_for(lambda: run.state == State.FINISHED, "the run did not finish")


def test_visitors_start_nothing(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXNET_DEMO_PUBLIC", "1")
    with pytest.raises(ConfigError):
        experiments.start(TINY_EXPERIMENT, ["fast"], 0, role=READ_ONLY)
    assert not list_runs()
