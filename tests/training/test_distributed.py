"""Several processes in one training: the same curve, resumed on another number, never a hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import torch

from alexnet_demo.data.splits import load_split
from alexnet_demo.network import checkpoint
from alexnet_demo.network.input import to_input
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.paths import ROOT
from tests.support.runs import TINY
from tests.support.waiting import wait_for

# 75 images in batches of 15: shares of 7 and 8, and every process in every step. Dropout is the one
# thing that differs from process to process.
COMMON = {**TINY, "dropout": 0.0, "flip": True, "train_samples": 75, "batch_size": 15}


def command(*more: str, **settings: object) -> list[str]:
    arguments = [sys.executable, "-m", "alexnet_demo", "train"]
    for name, value in {**COMMON, **settings}.items():
        option = name.replace("_", "-")
        arguments += [f"--{option}"] if value is True else [f"--{option}", str(value)]
    return [*arguments, "--json", *more]


def printed(arguments: list[str]) -> list[dict]:
    """The events that a training printed, which must finish."""
    done = subprocess.run(
        arguments, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def launched(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A long training in two processes, once it has got somewhere."""
    launcher = subprocess.Popen(
        command("--run-dir", str(directory), devices=2, epochs=500),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: len(Run(directory).history.epochs) > 1, 90, "no epochs")
        yield launcher
    finally:
        launcher.kill()


def epochs(events: list[dict]) -> list[dict]:
    return [event for event in events if event["event"] == "epoch"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    """A training of two epochs in one process."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("alone")
        patch.setenv("ALEXNET_DEMO_RUNS", str(folder))
        return folder / "run", printed(command("--run-dir", str(folder / "run")))


def test_two_processes_give_the_curve_of_one_and_one_goes_on_from_them(
    runs_dir: Path, alone: tuple[Path, list[dict]]
):
    directory = runs_dir / "two"
    together = printed(command("--run-dir", str(directory), devices=2, epochs=1))
    assert together[0]["processes"] == 2
    assert [e["event"] for e in together].count("start") == 1  # one process writes
    options = ["--resume", str(directory), "--epochs", "2", "--devices", "1", "--json"]
    later = printed([sys.executable, "-m", "alexnet_demo", "train", *options])
    assert later[0]["processes"] == 1
    found, expected = epochs(together) + epochs(later), epochs(alone[1])
    assert [e["step"] for e in found] == [e["step"] for e in expected] == [5, 10]
    for name in ("train_loss", "test_loss"):
        assert [e[name] for e in found] == pytest.approx([e[name] for e in expected], rel=1e-3)
    ours, theirs = (checkpoint.load(Run(d).last)[0] for d in (directory, alone[0]))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-2, atol=1e-4)


def test_normalisations_of_all_processes_go_into_what_is_tested_and_saved(runs_dir: Path):
    directory = runs_dir / "normalised"
    settings = {"norm": True, "drawings": 0.4, "photos": 0.3, "init": "kaiming"}
    arguments = command("--run-dir", str(directory), devices=2, epochs=2, **settings)
    told = max(epochs(printed(arguments)), key=lambda event: event["test_accuracy"])
    model, _ = checkpoint.load_weights(Run(directory).best)
    tested = load_split(train=False).head(Run(directory).config.test_samples)
    with torch.no_grad():
        logits = model(to_input(tested.images))
    loss = torch.nn.functional.cross_entropy(logits, tested.labels)
    assert float(loss) == pytest.approx(told["test_loss"], rel=1e-5)


def test_a_killed_process_ends_the_run_with_a_sentence_and_it_can_go_on(runs_dir: Path):
    run = Run(runs_dir / "killed")
    with launched(run.directory) as launcher:
        workers = [
            process
            for process in psutil.Process(launcher.pid).children(recursive=True)
            if "torch.distributed.run" not in " ".join(process.cmdline())
            and process.environ().get("RANK") == "1"
        ]
        assert len(workers) == 1
        os.kill(workers[0].pid, signal.SIGKILL)
        assert launcher.wait(timeout=90) == 1
    assert run.state == "failed"
    assert "One of the 2 processes" in run.error
    assert run.resumable


def test_a_polite_kill_stops_all_of_them_with_a_checkpoint(runs_dir: Path):
    run = Run(runs_dir / "stopped")
    with launched(run.directory) as launcher:
        launcher.terminate()
        assert launcher.wait(timeout=90) == 130
    assert run.state == "stopped"
    assert run.resumable
