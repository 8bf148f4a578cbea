"""The devices of this machine: names, memory, precision, and synchronization."""

from __future__ import annotations

import ctypes
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.settings.config import TrainConfig

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of <malloc.h>
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class DeviceInfo:
    """A device to choose from; memory in bytes."""

    id: str
    name: str
    memory: int


def available() -> list[DeviceInfo]:
    """Every usable device, the one that ``auto`` picks first."""
    devices = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        devices.append(DeviceInfo(f"cuda:{index}", properties.name, properties.total_memory))
    if torch.backends.mps.is_available():
        memory = psutil.virtual_memory().total
        devices.append(DeviceInfo("mps", f"Apple GPU ({_processor()})", memory))
    return [*devices, _cpu()]


def _cpu() -> DeviceInfo:
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    name = f"{_processor()}, {cores} core{'s' if cores != 1 else ''}"
    return DeviceInfo("cpu", name, psutil.virtual_memory().total)


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def resolve(name: str, index: int = 0) -> torch.device:
    """The device of that name; ``auto`` picks CUDA, then MPS, then the CPU.

    Args:
        index: the GPU that ``auto`` and ``cuda`` mean, for one process per GPU.

    Raises:
        ConfigError: when this machine does not have it.
    """
    if name == "cpu":
        return torch.device(name)  # querying the GPUs would initialize CUDA
    ids = [device.id for device in available()]
    if name == "auto" and not ids[0].startswith("cuda"):
        return torch.device(ids[0])
    name = f"cuda:{index}" if name in ("auto", "cuda") else name
    if name not in ids:
        raise ConfigError(f"There is no device {name!r} here: use auto or one of {', '.join(ids)}.")
    return torch.device(name)


def info(device: torch.device) -> DeviceInfo:
    """Name and memory of a device that `resolve` returned."""
    if device.type == "cpu":
        return _cpu()
    return next(entry for entry in available() if entry.id == str(device))


def check(settings: TrainConfig) -> torch.device:
    """The device of a run to be, without measuring anything.

    Raises:
        ConfigError: when this machine cannot train with these settings.
    """
    device = resolve(settings.device)
    check_precision(settings.precision, device)
    if settings.devices > 1 and device.type == "mps":
        raise ConfigError("An Apple GPU trains alone: set --devices to 1, or choose the cpu.")
    if device.type == "cuda" and settings.devices > (count := torch.cuda.device_count()):
        raise ConfigError(f"There are {count} GPUs here, not {settings.devices}.")
    return device


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse fp16 without CUDA: MPS lacks its loss scaling, and on a CPU it only costs.

    Raises:
        ConfigError: with the alternatives.
    """
    if precision == "fp16" and device.type != "cuda":
        raise ConfigError("Precision fp16 needs a CUDA GPU: choose auto, bf16 or fp32 here.")


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for the next step.

    By default it returns large blocks to the kernel, which must clear their pages again at the next
    step: up to a third of a step's time on a CPU.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(M_MMAP_MAX, 0)
            libc.mallopt(M_TRIM_THRESHOLD, -1)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a network runs in ``precision``."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory(device: torch.device) -> int:
    """Peak memory so far, in bytes: of the device, or of this process on a CPU.

    MPS records no peak, so there it is the memory in use now.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    # Preferred to `ru_maxrss`, which on Linux includes the peak of the process that started this.
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    import resource  # does not exist on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
