"""What ``train`` decides from its options, the environment, and the disk, before it acts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from alexnet_demo.cli.launch_plan import LaunchPlan, Mode, plan_launch
from alexnet_demo.cli.main import build_parser
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import write_json
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig

QUICK = ("--recipe", "quick")
CONFIG = TrainConfig.from_recipe("quick", epochs=2)
TORCHRUN = {"RANK": "0", "WORLD_SIZE": "2"}


def plan(*arguments: str | Path, **environment: str) -> LaunchPlan:
    options = build_parser().parse_args(["train", *map(str, arguments)])
    return plan_launch(options, environment)


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(runs_dir: Path) -> Run:
    """A run of two epochs that is paused after the first."""
    run = Run(runs_dir / "20260101-000000-quick-aa")
    prepare(run.directory, CONFIG)
    finish(run, 1, "paused")
    run.last.touch()
    return run


def finish(run: Run, epoch: int, reason: str) -> None:
    """Record the end of a launch after this epoch."""
    write_json(run.directory / "job.json", {"pid": 1, "marks": 0})
    events = EventWriter(run.events)
    metrics = dict.fromkeys(("train_loss", "train_accuracy", "test_loss", "test_accuracy"), 0.5)
    times = dict.fromkeys(("seconds", "test_seconds", "images_per_s", "peak_memory"), 1.0)
    events.write("start", step=0)
    events.write("epoch", epoch=epoch, step=epoch * 640, width=0.125, **metrics, **times)
    events.write("end", reason=reason, step=epoch * 640)
    events.close()


@pytest.mark.parametrize(
    ("arguments", "environment", "mode"),
    [
        ((), {}, Mode.HERE),
        ((), TORCHRUN, Mode.HERE),
        (("--devices", "2"), {}, Mode.TORCHRUN),
        (("--devices", "2"), TORCHRUN, Mode.HERE),
        (("--wait",), {}, Mode.QUEUE),
        (("--wait", "--devices", "2"), {}, Mode.QUEUE),
    ],
)
@pytest.mark.parametrize("resume", [False, True])
def test_who_trains(arguments: tuple, environment: dict, mode: Mode, resume: bool, run: Run):
    start = ("--resume", run.id) if resume else QUICK
    before = snapshot(run.directory.parent)
    made = plan(*start, *arguments, **environment)
    assert (made.mode, made.resume, made.claimed) == (mode, resume, False)
    assert made.settings.devices == (2 if "--devices" in arguments else 1)
    assert made.directory.parent == run.directory.parent
    assert (made.directory == run.directory) is resume
    assert snapshot(run.directory.parent) == before, "a plan has no effects"


def test_a_new_run_takes_its_settings_directory_and_output_from_the_options(tmp_path: Path):
    made = plan(*QUICK, "--epochs", "2", "--run-dir", tmp_path / "a", "--json")
    assert made == LaunchPlan(Mode.HERE, tmp_path / "a", CONFIG, json=True)
    assert made.command() == [*CONFIG.command(), "--run-dir", str(tmp_path / "a"), "--json"]


def test_a_resumed_run_keeps_its_settings_but_for_the_changes(run: Run):
    made = plan("--resume", run.directory, "--epochs", "7", "--devices", "2")
    assert made.settings == TrainConfig.from_recipe("quick", epochs=7, devices=2)
    assert made.changes == {"epochs": 7, "devices": 2}
    assert made.command() == ["train", "--resume", str(run.directory)]
    assert Run(run.directory).read_config() == CONFIG


def test_a_prepared_run_is_claimed(tmp_path: Path):
    prepare(tmp_path / "a", CONFIG)
    made = plan(*QUICK, "--epochs", "2", "--run-dir", tmp_path / "a")
    assert made == LaunchPlan(Mode.HERE, tmp_path / "a", CONFIG, claimed=True)


def test_torchrun_may_restart_a_run(run: Run):
    again = (*QUICK, "--epochs", "2", "--run-dir", run.directory)
    made = plan(*again, **TORCHRUN, TORCHELASTIC_RESTART_COUNT="1")
    assert made == LaunchPlan(Mode.HERE, run.directory, CONFIG, claimed=True)


@pytest.mark.parametrize("launcher", [False, True])
def test_a_run_registered_for_this_process_or_its_launcher_is_claimed(launcher: bool, run: Run):
    pid = os.getppid() if launcher else os.getpid()
    register(run.directory, pid)
    environment = {"ALEXNET_DEMO_LAUNCHER": str(pid)} if launcher else {}
    assert plan("--resume", run.id, **environment).claimed
    if launcher:
        with pytest.raises(ConfigError, match=run.id):
            plan("--resume", run.id)


def test_a_finished_run_needs_more_epochs(run: Run):
    finish(run, 2, "finished")
    for arguments in ((), ("--epochs", "2"), ("--lr-scale", "0.5")):
        with pytest.raises(ConfigError, match=r"2 epochs.*--epochs"):
            plan("--resume", run.id, *arguments)
    assert plan("--resume", run.id, "--epochs", "3").settings.epochs == 3


@pytest.mark.parametrize(
    ("arguments", "environment", "facts"),
    [
        (("--epochs", "0"), {}, "1 and 1,000"),
        (("--run-dir", "RUN"), {}, "--resume"),
        (("--run-dir", "PREPARED"), {}, "other settings"),
        ((), {"TORCHELASTIC_RESTART_COUNT": "1"}, "--run-dir"),
        (("--resume", "nothing"), {}, "'nothing'"),
        (("--resume", "RUN", "--lr", "1"), {}, "--epochs, --lr-scale"),
        (("--resume", "RUN", "--run-dir", "a"), {}, "--epochs, --lr-scale"),
        (("--wait", "--run-dir", "a"), {}, "--run-dir"),
        (("--wait",), TORCHRUN, "torchrun"),
        (("--wait", "--resume", "PREPARED"), {}, "--wait"),
    ],
)
def test_contradictions_are_errors(
    arguments: tuple, environment: dict[str, Any], facts: str, run: Run, tmp_path: Path
):
    prepare(tmp_path / "prepared", TrainConfig())
    places = {"RUN": run.directory, "PREPARED": tmp_path / "prepared"}
    start = () if "--resume" in arguments else QUICK
    with pytest.raises(ConfigError, match=facts):
        plan(*start, *(places.get(word, word) for word in arguments), **environment)


@pytest.mark.parametrize("other", [("--wait",), ("--resume", "20260101-000000-quick-aa")])
def test_given_weights_begin_a_new_run_here(run: Run, other: tuple[str, ...], tmp_path: Path):
    assert plan(*QUICK, "--start", tmp_path / "w.safetensors").start == tmp_path / "w.safetensors"
    with pytest.raises(ConfigError, match="--start"):
        plan("--start", "w.safetensors", *other)
