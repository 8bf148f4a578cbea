"""What may go wrong during training, each done for real: what is reported, and what is kept.

`docs/reliability.md` lists these tests with those of other packages.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alexnet_demo.common.errors import CheckpointError, TrainError
from alexnet_demo.common.files import write_json
from alexnet_demo.jobs import actions
from alexnet_demo.network import checkpoint
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.history import NUMBERS
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import engine as engine_module
from alexnet_demo.training import trainer as train_module
from alexnet_demo.training.worker import run_training
from tests.support.disks import fill, mounted, remount
from tests.support.runs import tiny_config

SETTINGS = tiny_config(epochs=3, train_samples=48, test_samples=16, checkpoint_minutes=0.0)


@pytest.fixture
def run(runs_dir: Path) -> Run:
    """A new run of nine steps in three epochs."""
    run = Run(runs_dir / "20260101-000000-article-aa")
    prepare(run.directory, SETTINGS)
    return run


def train(run: Run, settings: TrainConfig = SETTINGS) -> str:
    return run_training(settings, run.directory)


def step_of(path: Path) -> int:
    return checkpoint.load(path)[1]["step"]


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Do something before a training step, counted from 1."""
    real, steps = engine_module.train_step, iter(range(1, 1000))

    def step(*arguments, **named):
        if next(steps) == number:
            act()
        return real(*arguments, **named)

    monkeypatch.setattr(engine_module, "train_step", step)


def request_pause(run: Run) -> None:
    run.request_path.write_text("pause")


# ------------------------------------------------------------------ the disk


def test_a_full_disk_during_a_checkpoint_keeps_the_previous_one(run: Run, monkeypatch):
    runs_dir = run.directory.parent

    def shrink() -> None:
        """Leave less room than any checkpoint takes, and enough for an event."""
        used = shutil.disk_usage(runs_dir).used
        remount(runs_dir, f"size={used // 1024 + 400}k")

    with mounted(runs_dir, "size=64m"):
        prepare(run.directory, SETTINGS)
        at_step(monkeypatch, 6, shrink)
        with pytest.raises(TrainError, match="No space left"):
            train(run)
        assert run.state == "failed" and "disk space" in run.error
        assert step_of(run.last) == 3
        assert not list(run.last.parent.glob(".*.tmp"))
        remount(runs_dir, "size=64m")
        assert train(run) == "finished"
        assert [e["epoch"] for e in run.history.epochs] == [1, 2, 3]


def test_a_full_disk_during_an_event_loses_no_more_than_since_the_checkpoint(run: Run, monkeypatch):
    runs_dir = run.directory.parent
    monkeypatch.setattr(train_module, "EVENT_SECONDS", 0.0)
    with mounted(runs_dir, "size=16m"):
        prepare(run.directory, SETTINGS)
        at_step(monkeypatch, 5, lambda: fill(runs_dir))
        with pytest.raises(TrainError, match="disk is full"):
            train(run)
        # The file's last page may have room for the error event or not; the page reports it.
        assert run.state in ("failed", "interrupted")
        assert "disk is full" in run.error and "last checkpoint" in run.error
        (runs_dir / "filler").unlink()
        assert train(run) == "finished"
        assert [b["step"] for b in run.history.batches] == list(range(1, 10))


# ------------------------------------------------------------------ damaged files


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "empty", "other kind"])
def test_a_damaged_checkpoint_is_replaced_by_the_previous_one(run: Run, damage: str, monkeypatch):
    """The run ends with the same weights as an undamaged one, since steps are exact."""
    train(run)
    expected = checkpoint.load(run.last)[0]
    shutil.rmtree(run.directory)
    prepare(run.directory, SETTINGS)
    at_step(monkeypatch, 8, lambda: request_pause(run))
    assert train(run) == "paused"
    run.request_path.unlink()
    assert (step_of(run.last), step_of(run.previous)) == (8, 6)

    whole = run.last.read_bytes()
    half = len(whole) // 2
    broken = {
        "cut": whole[:half],
        "flipped": whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :],
        "empty": b"",
        "other kind": b"PK\x03\x04" + whole,
    }
    run.last.unlink() if damage == "missing" else run.last.write_bytes(broken[damage])
    assert run.resumable
    assert train(run) == "finished"
    weights = checkpoint.load(run.last)[0]
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert [e["epoch"] for e in run.history.epochs] == [1, 2, 3]
    assert bool(run.warning) == (damage != "missing")


def test_without_an_intact_checkpoint_nothing_changes(run: Run):
    train(run)
    for path in (run.last, run.previous):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"last\.safetensors"):
        train(run, tiny_config(epochs=4))
    assert run.state == "failed"
    assert checkpoint.load_weights(run.best)
    assert len(run.history.epochs) == 3


def test_a_damaged_config_is_restored_from_the_events(run: Run):
    settings = tiny_config(epochs=1)
    train(run, settings)
    run.config_path.write_bytes(b'{"recipe": "art\xff')
    run = Run(run.directory)
    assert run.config == settings and run.warning
    assert actions.change_settings(run, epochs=2).done  # which writes the file anew
    assert Run(run.directory).config.epochs == 2 and not run.warning


def test_lost_events_lose_only_the_curve(run: Run, monkeypatch):
    at_step(monkeypatch, 5, lambda: request_pause(run))
    train(run)
    assert len(run.history.epochs) == 1
    run.request_path.unlink()
    run.events.write_bytes(b"")  # emptied while this process follows it
    assert run.history.epochs == []
    assert train(run) == "finished"
    assert [e["epoch"] for e in run.history.epochs] == [2, 3]


def test_damaged_lines_between_events_lose_nothing_else(run: Run):
    train(run)
    lines = run.events.read_bytes().splitlines(keepends=True)
    lines.insert(len(lines) // 2, b'\x00\xff{"event": "epoch", "ep\n[1, 2]\n{}\n')
    run.events.with_suffix(".new").write_bytes(b"".join(lines))
    run.events.with_suffix(".new").replace(run.events)
    assert run.state == "finished"
    assert [e["epoch"] for e in run.history.epochs] == [1, 2, 3]


# ------------------------------------------------------------------ clock, directory, device


def test_a_clock_that_runs_backwards_does_not_matter(run: Run, monkeypatch):
    times = iter(range(2_000_000_000, 0, -1_000_000))
    monkeypatch.setattr("alexnet_demo.runs.events.time.time", lambda: next(times))
    assert train(run) == "finished"
    assert run.state == "finished" and run.history.seconds == 0.0
    assert len(run.history.epochs) == 3


def test_a_removed_run_directory_ends_training_and_releases_the_device(run: Run, monkeypatch):
    at_step(monkeypatch, 2, lambda: shutil.rmtree(run.directory))
    with pytest.raises(TrainError, match="could not be written"):
        train(run)
    prepare(run.directory, SETTINGS)
    assert train(run) == "finished"


def test_a_failing_device_keeps_the_checkpoint(run: Run, monkeypatch):
    def fail() -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might …")

    at_step(monkeypatch, 5, fail)
    with pytest.raises(TrainError, match="CUDA error: unspecified"):
        train(run)
    assert run.state == "failed" and step_of(run.last) == 3 and run.resumable
    assert train(run) == "finished"


def test_a_run_of_version_0_1_is_shown_but_not_resumed(run: Run):
    """It has fewer settings and fields, no marks, and another training state."""
    settings = SETTINGS.to_json()
    old = {name: settings[name] for name in ("recipe", "epochs", "lr", "width", "device")}
    write_json(run.config_path, {**old, "amp": True})
    events = EventWriter(run.events)
    events.write("start", step=0, config=old)
    events.write("epoch", **{**dict.fromkeys(NUMBERS["epoch"], 1.0), "test_accuracy": 0.8})
    events.write("end", reason="paused", step=3)
    events.close()
    write_json(run.job_path, {"pid": 1, "started": 0.0})
    checkpoint.save(run.last, {"model.net.conv1.weight": torch.zeros(1)}, {"epoch": 1})
    run = Run(run.directory)
    assert (run.state, run.best_accuracy, run.config.lr) == ("paused", 0.8, 0.05)
    with pytest.raises(CheckpointError, match="training state"):
        train(run, run.config)
    assert run.state == "failed" and "new run" in run.error
