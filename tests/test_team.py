"""Several processes in one training: the same curve, resumed on another number, never a hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from conftest import wait_for
from test_train import TINY

from alexnet_demo import checkpoint
from alexnet_demo.config import ROOT
from alexnet_demo.runs import Run

# 75 images in batches of 15: shares of 7 and 8, and every process in every step. Dropout is the one
# thing that differs from process to process.
COMMON = {**TINY, "dropout": 0.0, "flip": True, "train_samples": 75, "batch_size": 15}


def command(*more: str, **settings: object) -> list[str]:
    arguments = [sys.executable, "-m", "alexnet_demo", "train"]
    for name, value in {**COMMON, **settings}.items():
        option = name.replace("_", "-")
        arguments += [f"--{option}"] if value is True else [f"--{option}", str(value)]
    return [*arguments, "--json", *more]


def train(*more: str, **settings: object) -> list[dict]:
    """The events that a finished training printed."""
    done = subprocess.run(
        command(*more, **settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def epochs(events: list[dict]) -> list[dict]:
    return [event for event in events if event["event"] == "epoch"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """A training of two epochs in one process."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("alone")
        patch.setenv("ALEXNET_DEMO_RUNS", str(folder))
        return folder / "run", train("--run-dir", str(folder / "run"))


def test_two_processes_give_the_curve_of_one_and_one_goes_on_from_them(
    runs_dir: Path, alone: tuple[Path, list[dict]]
):
    directory = runs_dir / "two"
    together = train("--run-dir", str(directory), devices=2, epochs=1)
    assert together[0]["processes"] == 2
    assert [e["event"] for e in together].count("start") == 1  # one process writes
    options = ["--resume", str(directory), "--epochs", "2", "--devices", "1", "--json"]
    resumed = subprocess.run(
        [sys.executable, "-m", "alexnet_demo", "train", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert resumed.returncode == 0, resumed.stderr
    later = [json.loads(line) for line in resumed.stdout.splitlines()]
    assert later[0]["processes"] == 1
    found, expected = epochs(together) + epochs(later), epochs(alone[1])
    assert [e["step"] for e in found] == [e["step"] for e in expected] == [5, 10]
    for name in ("train_loss", "test_loss"):
        assert [e[name] for e in found] == pytest.approx([e[name] for e in expected], rel=1e-3)
    ours, theirs = (checkpoint.load(Run(d).last)[0] for d in (directory, alone[0]))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-2, atol=1e-4)


def test_a_killed_process_ends_the_run_with_a_sentence_and_it_can_go_on(runs_dir: Path):
    directory = runs_dir / "killed"
    launcher = subprocess.Popen(
        command("--run-dir", str(directory), devices=2, epochs=500),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        run = Run(directory)
        wait_for(lambda: len(run.history.epochs) > 1, 90, "no epochs")
        workers = [
            process
            for process in psutil.Process(launcher.pid).children(recursive=True)
            if "torch.distributed.run" not in " ".join(process.cmdline())
            and process.environ().get("RANK") == "1"
        ]
        assert len(workers) == 1
        os.kill(workers[0].pid, signal.SIGKILL)
        assert launcher.wait(timeout=90) == 1
    finally:
        launcher.kill()
    assert run.state == "failed"
    assert "One of the 2 processes of this training ended" in run.error
    assert run.resumable


def test_a_polite_kill_stops_all_of_them_with_a_checkpoint(runs_dir: Path):
    directory = runs_dir / "stopped"
    launcher = subprocess.Popen(
        command("--run-dir", str(directory), devices=2, epochs=500),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        run = Run(directory)
        wait_for(lambda: len(run.history.epochs) > 0, 90, "no epochs")
        launcher.terminate()
        assert launcher.wait(timeout=90) == 130
    finally:
        launcher.kill()
    assert run.state == "stopped"
    assert run.resumable
