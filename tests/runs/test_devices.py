"""Devices: where a run may train, who is there, and locks that end with their holder."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.runs import devices
from alexnet_demo.runs.devices import (
    blocking_run,
    device_lock,
    free_placement,
    is_free,
    is_locked,
    known,
    placements,
    record,
    require_free,
)
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig

GPUS = {"cuda:0": "GPU-a", "cuda:1": "GPU-b", "cpu": "cpu"}


@pytest.mark.parametrize(
    ("devices", "settings", "expected"),
    [
        (GPUS, {"device": "auto"}, [("GPU-a",), ("GPU-b",)]),
        (GPUS, {"device": "cuda"}, [("GPU-a",), ("GPU-b",)]),
        (GPUS, {"device": "cuda:1"}, [("GPU-b",)]),
        (GPUS, {"device": "cuda:7"}, [("cuda:7",)]),
        (GPUS, {"device": "cpu"}, [("cpu",)]),
        (GPUS, {"device": "auto", "devices": 2}, [("GPU-a", "GPU-b")]),
        ({"mps": "mps", "cpu": "cpu"}, {"device": "auto"}, [("mps",)]),
        ({"cpu": "cpu"}, {"device": "auto"}, [("cpu",)]),
        ({"cpu": "cpu"}, {"device": "cuda"}, [("cuda:0",)]),
    ],
)
def test_where_a_run_may_train(runs_dir: Path, devices, settings, expected):
    record(devices)
    assert placements(TrainConfig(**settings)) == expected


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"cuda:0": 1}'])
def test_devices_that_nobody_recorded_are_guessed(runs_dir: Path, monkeypatch, text: str):
    record(GPUS)
    (table,) = (runs_dir / ".locks").iterdir()
    assert known() == GPUS
    table.write_text(text)
    for gpu, names in ((True, ["cuda:0", "cpu"]), (False, ["cpu"])):
        monkeypatch.setattr(devices, "has_gpu", lambda gpu=gpu: gpu)
        assert list(known()) == names


def test_what_is_recorded_holds_for_the_gpus_that_are_visible(runs_dir: Path, monkeypatch):
    monkeypatch.setattr(devices, "has_gpu", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    record(GPUS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-b")
    assert known() == {"cpu": "cpu"}
    record({"cuda:0": "GPU-b", "cpu": "cpu"})
    assert placements(TrainConfig(device="cuda:0")) == [("GPU-b",)]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert placements(TrainConfig(device="cuda:0")) == [("GPU-a",)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"CUDA_VISIBLE_DEVICES": "GPU-" * 60 + "a"}, {"CUDA_VISIBLE_DEVICES": "GPU-" * 60 + "b"}),
        ({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}),
    ],
)
def test_other_gpus_or_another_order_have_another_table(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, first: dict[str, str], second: dict[str, str]
):
    monkeypatch.setattr(devices, "has_gpu", lambda: False)
    (variable,) = first
    monkeypatch.setenv(variable, first[variable])
    record(GPUS)
    monkeypatch.setenv(variable, second[variable])
    assert known() == {"cpu": "cpu"}
    monkeypatch.setenv(variable, first[variable])
    assert known() == GPUS


def test_a_lock_is_that_of_the_gpu_however_processes_number_it(runs_dir: Path):
    record(GPUS)
    auto = TrainConfig(device="auto")
    with device_lock("GPU-a"):
        assert is_locked("GPU-a") and not is_locked("GPU-b") and not is_locked("cpu")
        assert is_locked("cuda:7"), "its UUID is unknown, so it may be this one"
        assert free_placement(auto, {}) == ("GPU-b",)
        assert is_free(auto) and is_free(TrainConfig(device="cpu"))
        assert not is_free(TrainConfig(device="cuda:0"))
        assert not is_free(TrainConfig(device="auto", devices=2))
        with device_lock("GPU-b"):
            assert not is_free(auto)
    assert is_free(TrainConfig(device="auto", devices=2))


def active_run(runs_dir: Path, name: str, device: str = "", uuid: str = "") -> Run:
    """A run that this process trains on a device; one without is yet to choose."""
    run = Run(runs_dir / name)
    prepare(run.directory, TrainConfig(device="auto"))
    register(run.directory, os.getpid())
    if device:
        with closing(EventWriter(run.events)) as events:
            events.write("start", step=0, device=device, device_uuid=uuid)
    return run


def test_auto_takes_a_gpu_that_no_run_trains_on_or_waits_for(runs_dir: Path):
    record(GPUS)
    auto = TrainConfig(device="auto")
    active_run(runs_dir, "on-the-cpu", "cpu", "cpu")
    assert blocking_run(auto) is None
    active_run(runs_dir, "first", "cuda:0", "GPU-b")  # other GPUs are visible to it
    assert blocking_run(auto) is None and is_free(TrainConfig(device="cuda:0"))
    blocking = blocking_run(TrainConfig(device="cuda:1"))
    assert blocking and blocking.id == "first"
    second = active_run(runs_dir, "second")
    assert second.state == "starting"
    assert blocking_run(auto) and not is_free(auto), "one GPU is in use, and one about to be"
    assert is_free(auto, excluding="second")
    assert not is_free(TrainConfig(device="cpu"))


def test_a_lock_is_released_when_its_holder_dies(runs_dir: Path):
    code = (
        "from alexnet_demo.runs.devices import device_lock; import time;"
        "lock = device_lock('cpu'); lock.acquire(); print('held', flush=True); time.sleep(999)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    assert is_locked("cpu")
    assert not is_locked("cuda:0")
    with pytest.raises(ConfigError, match="cpu"):
        require_free(TrainConfig(device="cpu"))
    holder.kill()
    holder.wait()
    assert not is_locked("cpu")
    require_free(TrainConfig(device="cpu"))


@pytest.mark.parametrize("name", ["GPU-1/../../victim", "MIG-GPU-a/1/2", "a\0b", "x" * 300])
def test_a_lock_is_a_file_in_the_folder_of_locks(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    if "\0" not in name:  # the environment cannot hold it
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
    record({"cuda:0": name})
    lock = Path(device_lock(name).lock_file)
    assert lock.parent == runs_dir / ".locks"
    assert not is_locked(name)
    assert known() == {"cuda:0": name}
    assert [path.name for path in runs_dir.iterdir()] == [".locks"]
