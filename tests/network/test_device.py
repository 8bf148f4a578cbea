"""The devices of this machine: names, memory, and precision."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.network import device
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.paths import ROOT

CPU = torch.device("cpu")


def run_python(code: str, *arguments: str) -> int:
    """The number that some code prints in a process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    return int(subprocess.check_output(command, text=True, cwd=ROOT))


def test_the_cpu_is_always_available_with_its_memory():
    cpu = device.available()[-1]
    assert cpu.id == "cpu"
    assert cpu.name
    assert cpu.memory > 2**30


def test_auto_picks_a_gpu_if_there_is_one_and_a_missing_device_is_refused():
    if torch.cuda.is_available():
        assert str(device.resolve("auto")) == "cuda:0"
    elif not torch.backends.mps.is_available():
        assert str(device.resolve("auto")) == "cpu"
    with pytest.raises(ConfigError, match=r"'cuda:99'.*auto.*cpu"):
        device.resolve("cuda:99")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretends that these GPUs are here, as (major, minor), to a PyTorch built for some."""

    def pretend(*capabilities: tuple[int, int], error: str = "") -> None:
        def init() -> None:
            if error:
                raise RuntimeError(error)

        def properties(index: int) -> SimpleNamespace:
            major, minor = capabilities[index]
            return SimpleNamespace(
                name=f"GPU {index}",
                major=major,
                minor=minor,
                total_memory=2**33,
                uuid=f"ab-{index}",
            )

        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))  # NVML's
        monkeypatch.setattr(torch.cuda, "init", init)
        monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
        monkeypatch.setattr(
            torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_90a", "compute_120"]
        )

    return pretend


OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver by downloading and installing a new version from the URL: http://www.nvidia.com/"
)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OLD_DRIVER, "its driver is too old"), ("CUDA error: unknown error\nat x.", "unknown error")],
)
def test_gpus_that_cuda_cannot_use_leave_the_cpu(gpus, error: str, reason: str):
    gpus((8, 0), error=error)
    *unusable, cpu = device.all_devices()
    assert [d.id for d in unusable] == ["cuda:0"] and reason in unusable[0].problem
    assert device.available() == [cpu]
    assert device.resolve("auto") == CPU
    assert device.check(TrainConfig(device="auto")) == CPU
    for name in ("cuda", "cuda:0"):
        with pytest.raises(ConfigError, match=f"cuda:0 cannot be used.*{reason}.*auto.*cpu"):
            device.resolve(name)


@pytest.mark.parametrize(
    ("capability", "usable"),
    [
        ((6, 1), False),
        ((7, 0), False),
        ((7, 5), True),
        ((8, 0), True),
        ((8, 9), True),
        ((9, 0), True),
        ((10, 0), False),
        ((12, 0), True),
        ((12, 1), True),
        ((13, 0), True),
    ],
)
def test_a_gpu_needs_code_for_its_compute_capability(gpus, capability, usable: bool):
    gpus(capability)
    gpu = device.all_devices()[0]
    assert (gpu.problem == "") == usable
    assert device.resolve("auto").type == ("cuda" if usable else "cpu")
    assert usable or f"{capability[0]}.{capability[1]}" in gpu.problem


def test_auto_means_the_usable_gpus(gpus):
    gpus((6, 1), (8, 0), (9, 0))
    assert [str(device.resolve("auto", rank)) for rank in (0, 1)] == ["cuda:1", "cuda:2"]
    assert [str(choice) for choice in device.choices("cuda")] == ["cuda:1", "cuda:2"]
    assert device.choices("cuda:2") == [torch.device("cuda:2")]
    assert device.choices("cpu") == [CPU]
    assert device.check(TrainConfig(device="auto", devices=2)) == torch.device("cuda:1")
    with pytest.raises(ConfigError, match="2 usable GPUs"):
        device.check(TrainConfig(device="cuda", devices=3))
    with pytest.raises(ConfigError, match="no device 'cuda:7'"):
        device.resolve("cuda:7")


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        ("", ["GPU-ab-0", "GPU-ab-1"]),
        ("5,2", ["GPU-ab-0", "GPU-ab-1"]),
        ("MIG-1, MIG-2", ["MIG-1", "MIG-2"]),
    ],
)
def test_a_gpu_is_identified_however_it_is_numbered(gpus, monkeypatch, visible, uuids):
    gpus((8, 0), (8, 0))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list(device.uuids().values()) == [*uuids, "cpu"]


def test_memory_in_use_is_that_of_the_gpu(monkeypatch):
    free = {0: (1, 100), 1: (40, 80)}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: free[device.index])
    assert device.memory_in_use(torch.device("cuda:1")) == (40, 80)
    used, total = device.memory_in_use(CPU)
    assert 0 < used < total


def test_autocast_runs_in_the_precision():
    layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with device.autocast(CPU, precision):
            assert layer(x).dtype == dtype


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc on Linux returns memory")
def test_freed_memory_stays_with_the_process():
    """After `keep_freed_memory` another large buffer costs next to no page faults."""
    code = (
        "import resource, sys, torch\n"
        "from alexnet_demo.network.device import keep_freed_memory\n"
        "if sys.argv[1] == 'keep': keep_freed_memory()\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(12): torch.ones(32_000_000)\n"  # finds its place in the heap
        "before = faults()\n"
        "for _ in range(5): torch.ones(32_000_000)\n"
        "print(faults() - before)\n"
    )
    assert run_python(code, "keep") < 0.5 * run_python(code, "default")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux inherits the peak")
def test_peak_memory_is_not_that_of_the_parent_process():
    code = (
        "import subprocess, sys; large = bytearray(2_000_000_000)\n"
        "code = 'import torch; from alexnet_demo.network.device import peak_memory;'\n"
        "code += 'print(peak_memory(torch.device(\"cpu\")))'\n"
        "print(subprocess.check_output([sys.executable, '-c', code], text=True))"
    )
    assert 100e6 < run_python(code) < 1.5e9
