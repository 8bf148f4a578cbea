"""A run's process: the device that it takes, its priority, and errors as sentences."""

from __future__ import annotations

import errno
import re
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import torch
from torch import distributed

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.network import device as devices
from alexnet_demo.runs.devices import device_lock, is_locked, known
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import worker
from alexnet_demo.training.distributed import ProcessGroup
from alexnet_demo.training.worker import hold_device, run_training
from tests.support.waiting import PATIENCE

GPU = torch.device("cuda:1")
UUIDS = {"cuda:0": "GPU-a", "cuda:1": "GPU-b", "cpu": "cpu"}


@pytest.fixture
def two_gpus(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [devices.DeviceInfo(name, name, 2**30, uuid) for name, uuid in UUIDS.items()]
    monkeypatch.setattr(devices, "all_devices", lambda: infos)
    monkeypatch.setattr(worker, "LOCK_SECONDS", 0.1)


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_runs_take_the_gpus_that_are_free_one_each(name: str):
    settings = TrainConfig(device=name)
    with hold_device(settings) as first, hold_device(settings) as second:
        assert [str(first), str(second)] == ["cuda:0", "cuda:1"]
        assert known() == UUIDS, "pages learn the GPUs from it"
        assert is_locked("GPU-a") and is_locked("GPU-b") and not is_locked("cpu")
        with pytest.raises(ConfigError, match="Another run is using"), hold_device(settings):
            pass
        with hold_device(TrainConfig(device="cpu")) as third:
            assert third.type == "cpu"
    with device_lock("GPU-a"), hold_device(settings) as device:
        assert str(device) == "cuda:1"
    assert not is_locked("GPU-b")


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_whose_lock_is_held_for_a_moment_is_not_passed_over(monkeypatch: pytest.MonkeyPatch):
    """The scheduler holds a lock so long to see whether the GPU is free."""
    held = Event()

    def look() -> None:
        with device_lock("GPU-a"):
            held.set()
            time.sleep(0.02)

    monkeypatch.setattr(worker, "LOCK_TURN_SECONDS", 30.0)  # however busy this machine is
    thread = Thread(target=look)
    thread.start()
    assert held.wait(PATIENCE)
    with hold_device(TrainConfig(device="auto")) as device:
        assert str(device) == "cuda:0"
    thread.join()


@pytest.mark.usefixtures("two_gpus")
def test_each_process_of_a_run_takes_its_own_gpu():
    settings = TrainConfig(device="auto", devices=2)
    groups = [ProcessGroup(rank, 2, rank) for rank in range(2)]
    with (
        hold_device(settings, group=groups[0]) as first,
        hold_device(settings, group=groups[1]) as second,
    ):
        assert [str(first), str(second)] == ["cuda:0", "cuda:1"]
    with device_lock("GPU-b"), pytest.raises(ConfigError), hold_device(settings, group=groups[1]):
        pass


def test_the_processes_of_a_run_share_the_cpu(runs_dir: Path):
    settings = TrainConfig(device="cpu", devices=2)
    with hold_device(settings, group=ProcessGroup(0, 2, 0)), device_lock("other"):
        with hold_device(settings, group=ProcessGroup(1, 2, 1)) as device:
            assert device.type == "cpu"
        assert is_locked("cpu")


def test_a_timeout_of_the_work_is_not_that_of_a_lock(runs_dir: Path):
    with pytest.raises(TimeoutError), hold_device(TrainConfig(device="cpu")):
        raise TimeoutError
    assert not is_locked("cpu")


@pytest.mark.usefixtures("two_gpus")
@pytest.mark.parametrize(("name", "lowered"), [("auto", False), ("cpu", True)])
def test_only_a_trainer_on_the_cpu_lowers_its_priority(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str, lowered: bool
):
    """On a GPU, what it launches next must not wait for the processor."""
    calls: list[Any] = []

    class FakeTrainer:
        def __init__(self, *arguments: Any) -> None:
            calls.append(str(arguments[-1]))

        def run(self) -> str:
            return "finished"

    monkeypatch.setattr(worker, "Trainer", FakeTrainer)
    monkeypatch.setattr(worker, "_lower_priority", lambda: calls.append("lowered"))
    (runs_dir / "a").mkdir(parents=True)
    assert run_training(TrainConfig(device=name), runs_dir / "a") == "finished"
    assert calls == (["lowered", "cpu"] if lowered else ["cuda:0"])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried…"), "5.0 GB in use of 8.0 GB.* of 64"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling x"), "Out of memory"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "Out of memory"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "library.*cuda:1.*5.0 GB"),
        (RuntimeError("FIND was unable to find an engine to execute this"), "library.*64"),
        (RuntimeError("CUDA error: no kernel image is available for execution"), "no code for"),
        (RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel"), "invalid input"),
        (RuntimeError("NCCL error in: x.cpp, unhandled system error"), "communicate.*NCCL_DEBUG"),
        (RuntimeError("CUDA driver version is insufficient for CUDA"), "driver of cuda:1 is too"),
        (RuntimeError("CUDA error: an illegal memory access\nx"), r"stopped.*memory access\)"),
        (distributed.DistError("gone"), "One of the 2 processes"),
        (OSError(errno.ENOSPC, "No space left"), "disk is full"),
        (KeyError("x"), "Training failed"),
    ],
)
def test_each_failure_says_what_is_wrong(monkeypatch, error: Exception, words: str):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3e9, 8e9)[: device.index * 2])
    sentence = worker._explain(error, TrainConfig(), ProcessGroup(0, 2, 1), GPU)
    assert re.search(words, sentence)
    assert "\n" not in sentence and sentence.endswith(".")


def test_the_memory_of_a_gpu_that_failed_is_unknown(monkeypatch):
    def fail(_: torch.device) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(torch.cuda, "mem_get_info", fail)
    error = torch.OutOfMemoryError("CUDA out of memory")
    assert "batch size of 64" in worker._explain(error, TrainConfig(), ProcessGroup(), GPU)
