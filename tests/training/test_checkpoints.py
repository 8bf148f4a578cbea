"""Checkpoints are written while training goes on, each as the state was when it was due."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
import torch

from alexnet_demo.common.errors import TrainError
from alexnet_demo.network import checkpoint
from alexnet_demo.runs.events import EventReader, EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.training import engine as engine_module
from alexnet_demo.training.checkpoints import CheckpointWriter
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.state import TrainingState
from alexnet_demo.training.worker import run_training
from tests.support.fake_cuda import CUDA, fake_cuda
from tests.support.runs import tiny_config
from tests.support.waiting import PATIENCE

# Three steps in each of two epochs
SETTINGS = tiny_config(train_samples=48, test_samples=16, checkpoint_minutes=0.0, norm=True)


@pytest.fixture
def run(runs_dir: Path) -> Run:
    prepare(runs_dir / "a", SETTINGS)
    return Run(runs_dir / "a")


@pytest.fixture
def writer(run: Run) -> CheckpointWriter:
    return CheckpointWriter(run, Engine(SETTINGS), EventWriter(run.events))


def written(run: Run) -> list[str]:
    return [e["file"] for e in EventReader(run.events).read() if e["event"] == "checkpoint"]


def refuse(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_training_goes_on_while_a_disk_is_slow(run: Run, monkeypatch: pytest.MonkeyPatch):
    """The disk takes nothing until the fifth step, so that a trainer that waits would be stuck."""
    fifth_step, weights, steps = Event(), [], iter(range(1, 7))
    save_file, train_step = checkpoint.save_file, engine_module.train_step

    def slow(*arguments):
        assert fifth_step.wait(timeout=PATIENCE)
        save_file(*arguments)

    def step(model, *arguments, **named):
        number = next(steps)
        if number == 4:  # the checkpoint of the third step is due
            weights.append({name: t.clone() for name, t in model.state_dict().items()})
        if number == 5:
            assert not written(run)
            fifth_step.set()
        return train_step(model, *arguments, **named)

    monkeypatch.setattr(checkpoint, "save_file", slow)
    monkeypatch.setattr(engine_module, "train_step", step)
    assert run_training(SETTINGS, run.directory) == "finished"
    first = checkpoint.load_part(run.previous, checkpoint.MODEL_PREFIX)
    assert first.keys() == weights[0].keys()
    assert all(torch.equal(first[name], weights[0][name]) for name in first)
    assert checkpoint.load(run.previous)[1]["step"] == 3
    assert written(run)[-1] == "last.safetensors"


def test_a_failed_write_is_raised_once_and_at_once(
    writer: CheckpointWriter, run: Run, monkeypatch: pytest.MonkeyPatch
):
    with writer:
        writer.save_state(TrainingState(step=1))
        writer.join()
        monkeypatch.setattr(checkpoint, "save_file", refuse)
        writer.save_epoch(TrainingState(step=2), {}, improved=True)
        pending = writer._pending
        assert pending and isinstance(pending.exception(), TrainError)
        with pytest.raises(TrainError, match=r"best\.safetensors could not be written.*No space"):
            writer.poll()
        writer.poll()
    assert written(run) == ["last.safetensors"]
    assert checkpoint.load(run.last)[1]["step"] == 1


@pytest.mark.parametrize("leave", [lambda: None, lambda: 1 / 0], ids=["end", "error"])
def test_the_end_and_an_error_wait_for_the_last_checkpoint(
    writer: CheckpointWriter, run: Run, leave: Callable[[], object]
):
    release = Event()
    writer._thread.submit(release.wait, 60)
    try:
        with writer:
            writer.save_state(TrainingState(step=1))
            assert not run.last.exists()
            release.set()
            leave()
    except ZeroDivisionError:
        pass
    assert checkpoint.load(run.last)[1]["step"] == 1


def test_an_error_is_not_hidden_by_that_of_the_last_checkpoint(
    writer: CheckpointWriter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "save_file", refuse)
    with pytest.raises(ZeroDivisionError), writer:
        writer.save_state(TrainingState(step=1))
        _ = 1 / 0


def test_the_error_of_the_last_checkpoint_ends_a_run_without_another(
    writer: CheckpointWriter, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkpoint, "save_file", refuse)
    with pytest.raises(TrainError), writer:
        writer.save_state(TrainingState(step=1))


def test_infinite_weights_are_not_written(writer: CheckpointWriter, run: Run):
    with writer, pytest.raises(TrainError, match="infinite at step 7"):
        with torch.no_grad():
            writer._engine.model.get_parameter("net.fc7.weight")[0, 0] = -torch.inf
        writer.save_state(TrainingState(step=7))
    assert not run.last.exists()


def test_copying_from_a_gpu_makes_the_host_wait_only_in_the_thread(
    monkeypatch: pytest.MonkeyPatch,
):
    calls = []

    class CudaEvent:
        def __init__(self, blocking: bool) -> None:
            assert blocking

        def record(self) -> None:
            calls.append("record")

        def synchronize(self) -> None:
            calls.append("synchronize")

    monkeypatch.setattr(torch.cuda, "Event", CudaEvent)
    with fake_cuda() as counter:
        weights = torch.empty(8, 4, 3, 3, device=CUDA).to(memory_format=torch.channels_last)
        counter.clear()
        copies, wait = checkpoint.copy_to_host({"a": weights, "b": torch.empty(2, device=CUDA)})
        assert not counter.waits
        assert calls == ["record"]
    assert {t.device.type for t in copies.values()} == {"cpu"}
    assert copies["a"].stride() == weights.stride()  # else the GPU would transpose first
    wait()
    assert calls == ["record", "synchronize"]
