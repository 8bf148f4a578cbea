"""The devices of this machine: which there are, how much memory, how fast, in which precision."""

from __future__ import annotations

import ctypes
import math
import platform
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.settings.config import TrainConfig

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of <malloc.h>
FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class DeviceInfo:
    """A device to choose from; memory in bytes."""

    id: str
    name: str
    memory: int


def available() -> list[DeviceInfo]:
    """Every usable device, the one that ``auto`` takes first."""
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
    """The processor's name, where the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def resolve(name: str, index: int = 0) -> torch.device:
    """The device of that name: ``auto`` picks CUDA, then MPS, then the CPU.

    Args:
        index: which GPU ``auto`` and ``cuda`` mean, for one process a GPU.

    Raises:
        ConfigError: when this machine lacks it.
    """
    if name == "cpu":
        return torch.device(name)  # without a look at the GPUs, which would initialise CUDA
    devices = available()
    if name == "auto" and not devices[0].id.startswith("cuda"):
        return torch.device(devices[0].id)
    wanted = f"cuda:{index}" if name in ("auto", "cuda") else name
    if wanted not in {device.id for device in devices}:
        there = ", ".join(device.id for device in devices)
        raise ConfigError(f"There is no device {name!r} here: choose auto or one of {there}.")
    return torch.device(wanted)


def info(device: torch.device) -> DeviceInfo:
    """Name and memory of a device that `resolve` returned."""
    if device.type == "cpu":
        return _cpu()
    return next(found for found in available() if found.id == str(device))


def check(settings: TrainConfig) -> torch.device:
    """The device of a training to be, without measuring anything.

    Raises:
        ConfigError: when this machine cannot train in the way that is asked for.
    """
    device = resolve(settings.device)
    _check_precision(settings.precision, device)
    if settings.devices > 1 and device.type == "mps":
        raise ConfigError("An Apple GPU trains alone: leave --devices at 1, or choose the cpu.")
    if device.type == "cuda" and settings.devices > (count := torch.cuda.device_count()):
        raise ConfigError(f"There are {count} GPUs here, not {settings.devices}.")
    return device


def _check_precision(requested: str, device: torch.device) -> None:
    if requested == "fp16" and device.type != "cuda":
        raise ConfigError("Precision fp16 needs a CUDA GPU: choose auto, bf16 or fp32 here.")


def choose_precision(requested: str, device: torch.device) -> str:
    """``fp32``, ``bf16`` or ``fp16``; ``auto`` measures whether bfloat16 pays on this device.

    A processor without bfloat16 units emulates it hundreds of times slower, so the answer is
    taken from a small matrix product rather than from a list of devices.

    Raises:
        ConfigError: for fp16 without CUDA: its loss scaling is not to be had on MPS, and on a
            CPU it would only be slower and less exact.
    """
    _check_precision(requested, device)
    if requested != "auto":
        return requested
    if device.type == "mps":
        return "fp32"  # autocast on MPS is not dependable in every supported release
    small = 256 if device.type == "cpu" else 4096
    works = {name: _matmul(device, name, small) for name in ("fp32", "bf16")}
    best = best_in_turn(works, device, rounds=20, hopeless=10.0)
    return "bf16" if best["fp32"] > 1.3 * best["bf16"] else "fp32"


def choose_memory_format(requested: str, device: torch.device, precision: str) -> str:
    """``channels_last`` or ``contiguous``; ``auto`` times conv2, the most work, in both.

    Channels-last is taken unless it is clearly slower, and the two are timed in turn, so that
    other work on the machine cannot turn the choice from one run to the next.
    """
    if requested != "auto":
        return requested
    works = {name: _conv2_step(device, precision, format_) for name, format_ in FORMATS.items()}
    best = best_in_turn(works, device, rounds=6)
    return "contiguous" if best["channels_last"] > 1.2 * best["contiguous"] else "channels_last"


def _conv2_step(
    device: torch.device, precision: str, memory_format: torch.memory_format
) -> Callable[[], None]:
    """Forward and backward pass of the article's conv2 on a small batch."""
    layer = nn.Conv2d(96, 256, kernel_size=5, padding=2, device=device)
    layer.to(memory_format=memory_format)
    batch = 8 if device.type == "cpu" else 128
    x = torch.rand(batch, 96, 26, 26, device=device).to(memory_format=memory_format)
    x.requires_grad_()

    def step() -> None:
        with autocast(device, precision):
            y = layer(x)
        y.sum().backward()

    return step


def keep_freed_memory() -> None:
    """Let this process keep freed memory for its next step, where the C library is glibc.

    By default glibc hands large blocks back to the kernel, which has to clear every page of them
    again at the next step: up to a third of a step's time on a CPU.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(M_MMAP_MAX, 0)
            libc.mallopt(M_TRIM_THRESHOLD, -1)


def matmul_flops(device: torch.device, precision: str, side: int) -> float:
    """FLOP/s of a square matrix product of this side, the best of five."""
    work = _matmul(device, precision, side)
    return 2 * side**3 / min(seconds(work, device) for _ in range(5))


def _matmul(device: torch.device, precision: str, side: int) -> Callable[[], Tensor]:
    a = torch.rand(side, side, device=device).to(DTYPES[precision])
    return lambda: a @ a


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a network runs in ``precision``."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def peak_memory(device: torch.device) -> int:
    """Most memory in use so far, in bytes: the device's, or this process's on a CPU.

    MPS keeps no peak; what is in use there now is given instead.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    # Not `ru_maxrss` where this can be had: Linux hands on the peak of whoever started a process.
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    import resource  # there is none on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def seconds(work: Callable[[], object], device: torch.device) -> float:
    synchronize(device)
    begin = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - begin


def least_seconds(work: Callable[[], object], device: torch.device) -> float:
    """The best of three: other work that shares the machine can only make it slower."""
    return min(seconds(work, device) for _ in range(3))


def best_in_turn(
    works: Mapping[str, Callable[[], object]],
    device: torch.device,
    rounds: int,
    hopeless: float = math.inf,
) -> dict[str, float]:
    """The least seconds of each, run in turn, so that a busy spell of the machine meets all.

    Args:
        hopeless: give up after three rounds where one takes so many times as long as another.
    """
    for work in works.values():
        work()  # plans and allocates
    best = dict.fromkeys(works, math.inf)
    for done in range(rounds):
        for name, work in works.items():
            best[name] = min(best[name], seconds(work, device))
        if done >= 2 and max(best.values()) > hopeless * min(best.values()):
            break
    return best
