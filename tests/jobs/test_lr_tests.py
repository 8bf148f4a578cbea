"""Learning-rate range tests as processes: real, and with a command that tries two rates."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from alexnet_demo.common.files import read_json
from alexnet_demo.jobs import lr_tests
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings.config import TrainConfig
from tests.support.runs import tiny_config
from tests.support.waiting import begun, wait_for

SETTINGS = tiny_config(init="kaiming", train_samples=400, batch_size=8)


def start(settings: TrainConfig = SETTINGS) -> str:
    outcome = lr_tests.start_lr_test(settings)
    assert outcome.done, outcome.message
    return str(outcome.run_id)


def read(test_id: str) -> lr_tests.LrTest:
    test = lr_tests.read_lr_test(test_id)
    assert test
    return test


def finished(test_id: str) -> lr_tests.LrTest:
    wait_for(lambda: not read(test_id).running, "the test does not end")
    return read(test_id)


def test_a_learning_rate_is_suggested_or_an_error_reported():
    test = finished(start())
    assert test.error == ""
    assert test.suggestion
    rates = [trial["lr"] for trial in test.trials]
    assert rates == sorted(set(rates)) and len(rates) > 5
    assert list_runs() == []
    assert "cuda:77" in finished(start(TrainConfig(device="cuda:77"))).error


@pytest.fixture
def two_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of Python: tries one learning rate, and another once this file exists."""
    command, more = tmp_path / "python", tmp_path / "more"
    line = '{{"lr": {}, "loss": 2.3, "smoothed": 2.3}}'
    command.write_text(
        f"#!/bin/sh\necho '{line.format(0.01)}'; printf '{{\"lr\"'\n"
        f"while [ ! -e {more} ]; do sleep 0.05; done\n"
        f'echo \': 0.02, "loss": 2, "smoothed": 2}}\'; echo \'{{"suggested_lr": 0.02}}\'\n'
    )
    command.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(command))
    return more


def test_trials_are_read_while_the_test_runs(two_rates: Path):
    test_id = start()
    wait_for(lambda: read(test_id).trials, "no trial")
    assert len(read(test_id).trials) == 1  # without the incomplete line
    assert read(test_id).suggestion is None
    assert lr_tests.running_lr_test() == test_id
    assert not lr_tests.start_lr_test(SETTINGS).done  # one at a time
    two_rates.touch()
    test = finished(test_id)
    assert test.suggestion == 0.02
    assert [trial["lr"] for trial in test.trials] == [0.01, 0.02]

    start()
    assert lr_tests.read_lr_test(test_id) is None  # replaced


def test_a_test_is_stopped_for_a_run(two_rates: Path):
    test_id = start()
    run = begun(SETTINGS)
    assert lr_tests.running_lr_test() is None
    assert lr_tests.read_lr_test(test_id) is None
    assert run.active
    refused = lr_tests.start_lr_test(SETTINGS)
    assert not refused.done and run.name in refused.message and "cpu" in refused.message


def test_a_killed_test_has_an_error(two_rates: Path, runs_dir: Path):
    test_id = start()
    job = read_json(runs_dir / lr_tests.LR_TESTS / test_id / "job.json")
    psutil.Process(job["pid"]).kill()
    assert finished(test_id).error
