"""Runs of an experiment, found by their settings, and recorded results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.problems import NOT_FINITE
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import list_runs
from alexnet_demo.runs.twin_runs import (
    EPOCH,
    TwinRun,
    is_done,
    matching_runs,
    recorded,
    recorded_settings,
    result,
    runs_here,
    to_record,
    twin_run,
)
from alexnet_demo.settings import paths
from alexnet_demo.settings.experiments import EXPERIMENTS
from tests.support.runs import canned_run

INIT = EXPERIMENTS["initialization"]


def diverged_run(runs: Path, run_id: str, label: str) -> Run:
    run = canned_run(runs, run_id, (), end=None, settings=INIT.configs()[label])
    writer = EventWriter(run.events)
    writer.write("error", message=f"The loss became {NOT_FINITE} at step 3: lower it.")
    writer.close()
    (run.directory / "job.json").write_text('{"pid": 1, "marks": 0}')
    return run


def test_runs_belong_to_an_experiment_by_their_settings(runs_dir: Path) -> None:
    configs = INIT.configs(seed=5)
    for label, config in configs.items():
        canned_run(runs_dir, f"run-{label}", (0.5, 0.7), settings=config)
    canned_run(runs_dir, "elsewhere", (0.5,), settings=replace(configs["He"], lr=0.2))
    canned_run(runs_dir, "gpu", (0.5,), settings=replace(INIT.configs(6)["He"], device="cuda"))
    found = runs_here(INIT)
    assert {seed: {label: run.id for label, run in of.items()} for seed, of in found.items()} == {
        5: {"Default": "run-Default", "He": "run-He"},
        6: {"He": "gpu"},
    }
    assert runs_here(EXPERIMENTS["dropout"]) == {}
    runs = [twin_run(label, run) for label, run in found[5].items()]
    assert [len(run.epochs) for run in runs] == [2, 2] and set(runs[0].epochs[0]) == set(EPOCH)
    assert runs[0].seed == 5 and runs[0].train_images == configs["He"].train_samples
    assert result(INIT, runs) is not None
    assert result(INIT, runs[:1]) is None


def test_a_finished_run_goes_before_a_newer_one_that_has_no_result(runs_dir: Path) -> None:
    config = INIT.configs()["He"]
    canned_run(runs_dir, "20260101-000000Z-article-aaaa", (0.6,), settings=config)
    canned_run(runs_dir, "20260102-000000Z-article-bbbb", (), None, settings=config)
    newest_first = list_runs()
    assert len(newest_first) == 2
    run = matching_runs(INIT, newest_first)[0]["He"]
    assert run.id == "20260101-000000Z-article-aaaa" and is_done(run)


def test_a_run_begun_with_trained_weights_is_no_twin(runs_dir: Path) -> None:
    run = canned_run(runs_dir, "tuned", (0.9,), settings=INIT.configs()["He"])
    assert matching_runs(INIT, [run])
    run.start.parent.mkdir(exist_ok=True)
    run.start.write_bytes(b"weights")
    assert not matching_runs(INIT, [run])


def test_a_run_that_diverged_is_a_result(runs_dir: Path) -> None:
    run = diverged_run(runs_dir, "lost", "Default")
    assert is_done(run)
    lost = twin_run("Default", run)
    assert lost.diverged and not lost.epochs
    he = twin_run("He", canned_run(runs_dir, "he", (0.7,), settings=INIT.configs()["He"]))
    verdict = result(INIT, [lost, he])
    assert verdict is not None and verdict.outcome == "He"


@pytest.mark.parametrize("accuracies", [(), (1e15,)])
def test_a_finished_run_without_usable_numbers_is_not_done(
    runs_dir: Path, accuracies: tuple[float, ...]
) -> None:
    run = canned_run(runs_dir, "damaged", accuracies, settings=INIT.configs()["He"])
    assert run.state == "finished" and not is_done(run)
    assert not twin_run("He", run).epochs


def test_a_record_comes_back_unless_the_settings_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "RECORDED_DIR", tmp_path)
    assert recorded(INIT) is None
    runs = [TwinRun("He", 1, [dict.fromkeys(EPOCH, 0.5)], 1500), TwinRun("Default", 1, [], 9, True)]
    path = tmp_path / "experiments" / "initialization.json"
    path.parent.mkdir()
    path.write_text(json.dumps(to_record(INIT, runs, {"device": "Some CPU"})))
    record = recorded(INIT)
    assert record and list(record.runs) == runs and record.about["device"] == "Some CPU"
    changed = recorded_settings(INIT) | {"He": {}}
    path.write_text(json.dumps(to_record(INIT, runs, {}) | {"settings": changed}))
    assert recorded(INIT) is None


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_recorded_results_are_of_three_seeds(name: str) -> None:
    record = recorded(EXPERIMENTS[name])
    assert record
    runs = {(run.variant, run.seed) for run in record.runs}
    seeds = {seed for _, seed in runs}
    assert runs == {(label, seed) for label in EXPERIMENTS[name].variants for seed in seeds}
    assert len(seeds) == 3 and len(record.runs) == len(runs)
    assert result(EXPERIMENTS[name], record.runs)
