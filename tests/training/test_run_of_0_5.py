"""A run directory written by version 0.5 opens, resumes to its end, and has a report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from alexnet_demo.export import report
from alexnet_demo.network import checkpoint
from alexnet_demo.runs.run import Run
from alexnet_demo.training.worker import run_training

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-0.5"


@pytest.fixture
def run(runs_dir: Path) -> Run:
    """A copy of a run that 0.5 paused at step 34, in the second of three epochs."""
    shutil.copytree(FIXTURE, runs_dir / "run-0.5")
    return Run(runs_dir / "run-0.5")


def test_a_paused_run_of_0_5_resumes_as_0_5_did(run: Run, tmp_path: Path):
    assert run.state == "paused"
    assert run.resumable
    assert run.history.epochs_done == 1

    assert run_training(run.config, run.directory) == "finished"

    assert run.state == "finished"
    epochs = run.history.epochs[1:]
    # What 0.5 gave; another CPU rounds differently, which two epochs of training amplify.
    losses = [epoch["train_loss"] for epoch in epochs]
    assert losses == pytest.approx([1.2999902926385403, 1.0074222180992365], rel=0.05)
    accuracies = [epoch["test_accuracy"] for epoch in epochs]
    assert accuracies == pytest.approx([0.71, 0.755], abs=0.05)
    assert report.write(run, tmp_path / "report.html", "cpu")["run"] == run.id
    assert f"{accuracies[1]:.1%}"[:4] in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_state_is_saved_under_the_keys_of_0_5(run: Run):
    tensors, state = checkpoint.load(run.last)
    (run.directory / "request").write_text("pause")
    assert run_training(run.config, run.directory) == "paused"
    new_tensors, new_state = checkpoint.load(run.last)
    assert new_state.keys() - state.keys() == {"device"} and state.keys() <= new_state.keys()
    assert new_tensors.keys() == tensors.keys()
    assert new_state["config"].keys() >= state["config"].keys()
    for key in ("tally", "optimizer", "scaler", "model"):
        assert new_state[key].keys() == state[key].keys(), key
