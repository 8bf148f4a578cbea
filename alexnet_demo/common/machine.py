"""What can be told of this machine at once, without PyTorch: a GPU, and how busy it is."""

from __future__ import annotations

import ctypes
import os
import platform
import runpy
import sys
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psutil


@cache
def has_gpu() -> bool:
    """Whether the installed PyTorch can use a GPU here. Asking PyTorch takes seconds to import it.

    A GPU counts only if PyTorch was built for it and its driver runs.
    """
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    torch = find_spec("torch")
    if torch is None or not torch.origin:
        return False
    build = runpy.run_path(str(Path(torch.origin).with_name("version.py")))  # imports nothing
    if build.get("hip"):
        return Path("/dev/kfd").exists()
    return bool(build.get("cuda")) and visible_nvidia_gpus() > 0


def visible_nvidia_gpus() -> int:
    """NVIDIA's GPUs that the driver counts, whether or not PyTorch can use them; 0 if hidden."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0].strip() in ("", "-1"):
        return 0
    count = ctypes.c_uint()
    with suppress(OSError, AttributeError):  # no driver
        # NVML comes with the driver and, unlike CUDA, does not initialize the GPU.
        nvml = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        if nvml.nvmlInit_v2() == 0:
            nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
            nvml.nvmlShutdown()
    return count.value


class CpuMeter:
    """Measures how busy this machine's processors are between two readings."""

    def __init__(self) -> None:
        self._before = self._times()

    def read(self) -> tuple[float, float]:
        """Seconds that the processors were busy since the last reading, and that they had.

        The latter is the number of processors times the time between; 0 where that is unknown.
        """
        before, self._before = self._before, self._times()
        busy, total = (now - then for now, then in zip(self._before, before, strict=True))
        return max(0.0, busy), max(0.0, total)

    @staticmethod
    def _times() -> tuple[float, float]:
        times = psutil.cpu_times()
        # Linux counts the time of guests as the host's, too.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        total = sum(times) - guests
        return total - times.idle - getattr(times, "iowait", 0.0), total
