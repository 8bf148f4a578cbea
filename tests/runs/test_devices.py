"""Devices: which names mean the same one, and locks that end with their holder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.runs.devices import device_lock, is_locked, require_free, same_device


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("cpu", "cpu", True),
        ("cpu", "cuda:0", False),
        ("auto", "cuda:0", True),
        ("cuda", "cuda:1", True),
        ("cuda:0", "cuda:1", False),
        ("cuda", "cpu", False),
    ],
)
def test_which_names_may_mean_the_same_device(one: str, other: str, same: bool):
    assert same_device(one, other) == same_device(other, one) == same


def test_a_lock_is_released_when_its_holder_dies(runs_dir: Path):
    code = (
        "from alexnet_demo.runs.devices import device_lock; import time;"
        "lock = device_lock('cpu'); lock.acquire(); print('held', flush=True); time.sleep(999)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    assert is_locked("cpu") and is_locked("auto")
    assert not is_locked("cuda:0")
    with pytest.raises(ConfigError, match="cpu"):
        require_free("cpu")
    holder.kill()
    holder.wait()
    assert not is_locked("cpu")
    require_free("cpu")


def test_a_gpu_has_one_lock_however_it_is_numbered(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    locks = set()
    for visible, device in (("2,5", "cuda:1"), ("5", "cuda:0"), ("", "cuda:5")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        locks.add(device_lock(device).lock_file)
    assert len(locks) == 1


@pytest.mark.parametrize("name", ["GPU-1/../../victim", "MIG-GPU-a/1/2", "a\0b", "x" * 300])
def test_a_lock_is_a_file_in_the_folder_of_locks(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    if "\0" not in name:  # the environment cannot hold it
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
    for device in (name, "cuda:0"):
        lock = Path(device_lock(device).lock_file)
        assert lock.parent == runs_dir / ".locks"
        assert not is_locked(device)
    assert [path.name for path in runs_dir.iterdir()] == [".locks"]
