"""The command ``experiment``: real, tiny runs, and the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alexnet_demo.cli.main import main
from alexnet_demo.runs.store import list_runs
from alexnet_demo.settings import experiments
from tests.support.experiments import TINY_EXPERIMENT


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(experiments.EXPERIMENTS, "tiny", TINY_EXPERIMENT)


def test_list_names_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", "--list", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["name"] for record in records] == list(experiments.EXPERIMENTS)


@pytest.mark.parametrize(
    "arguments", [[], ["tiny", "--list"], ["nonsense"], ["tiny", "--seed", "-1"]]
)
def test_unusable_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", *arguments]) == 2
    assert capsys.readouterr().err


def test_it_trains_the_runs_once_and_prints_the_verdict(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiment", "tiny", "--seed", "3", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["outcome"] in TINY_EXPERIMENT.options and record["seed"] == 3
    runs = {run.id: run for run in list_runs()}
    assert set(record["runs"]) == set(TINY_EXPERIMENT.variants)
    assert set(record["runs"].values()) == set(runs) and len(runs) == 2
    assert all(run.state == "finished" and run.config.seed == 3 for run in runs.values())
    assert all(TINY_EXPERIMENT.title in run.name for run in runs.values())
    report = runs_dir.parent / "report.html"
    assert main(["experiment", "tiny", "--seed", "3", "--json", "--html", str(report)]) == 0
    assert json.loads(capsys.readouterr().out) == record
    assert len(list_runs()) == 2
    assert TINY_EXPERIMENT.question in report.read_text(encoding="utf-8")
