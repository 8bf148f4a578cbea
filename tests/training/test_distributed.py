"""Several processes in one run: the curve of one, resumable on another number, never a hang."""

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
from tests.support.waiting import PATIENCE, wait_for

# 75 images in batches of 15: shards of 7 and 8, and every process in every step. Only dropout
# differs from process to process.
COMMON = {**TINY, "dropout": 0.0, "flip": True, "train_samples": 75, "batch_size": 15}
COMMAND = [sys.executable, "-m", "alexnet_demo", "train"]


def command(directory: Path, **settings: object) -> list[str]:
    arguments = [*COMMAND, "--run-dir", str(directory), "--json"]
    for name, value in {**COMMON, **settings}.items():
        option = f"--{name.replace('_', '-')}"
        arguments += [option] if value is True else [option, str(value)]
    return arguments


def train(arguments: list[str]) -> list[dict]:
    """The events that a finished run printed."""
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def epochs(events: list[dict]) -> list[dict]:
    return [event for event in events if event["event"] == "epoch"]


@contextmanager
def launched(run: Run) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher of a long run in two processes, after its second epoch."""
    devnull = subprocess.DEVNULL
    arguments = command(run.directory, devices=2, epochs=500)
    launcher = subprocess.Popen(arguments, cwd=ROOT, stdout=devnull, stderr=devnull)
    try:
        wait_for(lambda: len(run.history.epochs) > 1, "no epochs")
        yield launcher
    finally:
        launcher.kill()


def test_two_processes_give_the_curve_of_one_which_can_resume_their_run(runs_dir: Path):
    one, two = Run(runs_dir / "one"), Run(runs_dir / "two")
    expected = epochs(train(command(one.directory)))
    together = train(command(two.directory, devices=2, epochs=1))
    assert together[0]["processes"] == 2
    assert [e["event"] for e in together].count("start") == 1  # one process writes
    options = ["--resume", str(two.directory), "--epochs", "2", "--devices", "1", "--json"]
    resumed = train([*COMMAND, *options])
    assert resumed[0]["processes"] == 1
    curve = epochs(together) + epochs(resumed)
    assert [e["step"] for e in curve] == [e["step"] for e in expected] == [5, 10]
    for name in ("train_loss", "test_loss"):
        assert [e[name] for e in curve] == pytest.approx([e[name] for e in expected], rel=1e-3)
    ours, theirs = (checkpoint.load(run.last)[0] for run in (two, one))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-2, atol=1e-4)


def test_batch_normalization_of_all_processes_is_tested_and_saved(runs_dir: Path):
    run = Run(runs_dir / "normalized")
    settings = {"norm": True, "drawings": 0.4, "photos": 0.3, "init": "kaiming", "validation": 40}
    events = train(command(run.directory, devices=2, epochs=2, **settings))
    best = max(epochs(events), key=lambda event: event["test_accuracy"])
    model, _ = checkpoint.load_weights(run.best)
    test_set = load_split(train=False).head(run.config.test_samples)
    # Each epoch on validation images, and the best weights on the test set at the end.
    for images, event in ((load_split(train=True).tail(40), best), (test_set, events[-1])):
        with torch.no_grad():
            loss = torch.nn.functional.cross_entropy(model(to_input(images.images)), images.labels)
        assert float(loss) == pytest.approx(event["test_loss"], rel=1e-5)


def test_a_file_that_one_process_cannot_read_hangs_none_of_them(runs_dir: Path):
    run = Run(runs_dir / "unreadable")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    torchrun += ["-m", "tests.support.unreadable"]
    settings = command(run.directory, devices=2, epochs=1, validation=40)[2:]
    assert settings[0] == "alexnet_demo"
    events = train([*torchrun, "load_weights", *settings[1:]])
    assert events[-1]["reason"] == "finished"
    assert run.history.test_accuracy is None and "best.safetensors" in run.warning
    # Nor do they resume from different states.
    run.previous.write_bytes(run.last.read_bytes())
    resume = ["train", "--resume", str(run.directory), "--epochs", "2", "--json"]
    events = train([*torchrun, "load", *resume])
    assert "last.safetensors" in run.warning and events[-1]["reason"] == "finished"
    assert [e["epoch"] for e in epochs(events)] == [2]


def test_a_killed_process_fails_the_run_which_can_be_resumed(runs_dir: Path):
    run = Run(runs_dir / "killed")
    with launched(run) as launcher:
        children = psutil.Process(launcher.pid).children(recursive=True)
        (worker,) = (
            child
            for child in children
            if "torch.distributed.run" not in " ".join(child.cmdline())
            and child.environ().get("RANK") == "1"
        )
        os.kill(worker.pid, signal.SIGKILL)
        assert launcher.wait(timeout=PATIENCE) == 1
    assert run.state == "failed"
    assert "2 processes" in run.error
    assert run.resumable


def test_sigterm_stops_all_processes_with_a_checkpoint(runs_dir: Path):
    run = Run(runs_dir / "stopped")
    with launched(run) as launcher:
        launcher.terminate()
        assert launcher.wait(timeout=PATIENCE) == 130
    assert run.state == "stopped"
    assert run.resumable
