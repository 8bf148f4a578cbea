"""The devices of this machine: names, memory, and precision."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.network import device
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
