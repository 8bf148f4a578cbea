"""What can be told of the machine without PyTorch agrees with PyTorch and the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch

from alexnet_demo.common import machine
from alexnet_demo.common.machine import CpuMeter
from alexnet_demo.settings.paths import ROOT
from tests.support.waiting import PATIENCE


def test_a_gpu_is_found_where_pytorch_finds_one():
    usable = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert machine.has_gpu.__wrapped__() == usable


def test_finding_a_gpu_imports_no_torch():
    code = (
        "import sys; from alexnet_demo.common.machine import has_gpu; has_gpu();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=PATIENCE).returncode == 0


@pytest.mark.parametrize(
    ("visible", "count"), [(None, 2), ("0", 2), ("1,0", 2), ("", 0), ("-1", 0)]
)
def test_hidden_gpus_do_not_count(monkeypatch, visible, count):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    def device_count(pointer):
        pointer._obj.value = 2
        return 0

    driver = SimpleNamespace(
        nvmlInit_v2=lambda: 0, nvmlDeviceGetCount_v2=device_count, nvmlShutdown=lambda: 0
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)
    assert machine.visible_nvidia_gpus() == count


def test_the_meter_counts_busy_processors():
    meter, before, own = CpuMeter(), time.monotonic(), time.process_time()
    while time.process_time() - own < 0.5:
        pass
    busy, total = meter.read()
    # The system counts in hundredths of a second, on some kernels later than the process.
    assert 0.2 < busy <= total
    assert total > 0.5 * (time.monotonic() - before)
