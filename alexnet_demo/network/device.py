"""The devices of this machine: names, memory, what they can do, and synchronization."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.text import one_line
from alexnet_demo.settings.config import TrainConfig

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of <malloc.h>
AMPERE = (8, 0)
"""The compute capability from which CUDA GPUs have units for bfloat16 and TF32."""
ISA_WITH_BF16 = ("BF16", "FP16", "AMX", "AVX10", "DEFAULT")
"""Parts of those values of ONEDNN_MAX_CPU_ISA that let oneDNN use bfloat16 units."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class DeviceInfo:
    """A device of this machine.

    Attributes:
        memory: in bytes; 0 where unknown.
        uuid: what identifies it however it is numbered; elsewhere than on CUDA, its id.
        problem: why PyTorch cannot use it; empty where it can.
    """

    id: str
    name: str
    memory: int
    uuid: str
    problem: str = ""


def all_devices() -> list[DeviceInfo]:
    """Every device, also what cannot be used; of those that can, the one ``auto`` prefers first."""
    devices = _gpus()
    if torch.backends.mps.is_available():
        memory = psutil.virtual_memory().total
        devices.append(DeviceInfo("mps", f"Apple GPU ({_processor()})", memory, "mps"))
    return [*devices, _cpu()]


def available() -> list[DeviceInfo]:
    """Every usable device, the one that ``auto`` prefers first."""
    return [device for device in all_devices() if not device.problem]


def _gpus() -> list[DeviceInfo]:
    """CUDA's GPUs. PyTorch counts them by asking the driver, so CUDA may not work with them."""
    if not (count := torch.cuda.device_count()):
        return []
    try:
        torch.cuda.init()
    except Exception as error:  # whatever it is, the CPU is left
        problem = _init_problem(error)
        return [DeviceInfo(f"cuda:{i}", "GPU", 0, f"cuda:{i}", problem) for i in range(count)]
    return [_gpu(index) for index in range(torch.cuda.device_count())]


def _init_problem(error: Exception) -> str:
    text = one_line(str(error))
    if "too old" in text or "driver version is insufficient" in text:
        return f"its driver is too old for this PyTorch, which needs CUDA {torch.version.cuda}"
    return f"CUDA does not start ({text.partition('. ')[0].rstrip('.') or type(error).__name__})"


def _gpu(index: int) -> DeviceInfo:
    about = torch.cuda.get_device_properties(index)
    problem = ""
    if not _has_kernels(about.major, about.minor):
        problem = (
            f"this PyTorch has no code for compute capability {about.major}.{about.minor}, only "
            f"for {', '.join(torch.cuda.get_arch_list())}"
        )
    return DeviceInfo(f"cuda:{index}", about.name, about.total_memory, _uuid(index, about), problem)


def _has_kernels(major: int, minor: int) -> bool:
    """Whether this PyTorch was compiled for a compute capability.

    Code for ``sm_XY`` runs on X.Y and later minor versions, ``compute_XY`` is compiled on all later
    ones when it is first needed.
    """
    codes = re.findall(r"(sm|compute)_(\d+)(\d)", " ".join(torch.cuda.get_arch_list()))
    return not codes or any(  # AMD names its architectures differently
        (int(x) == major or (kind == "compute" and int(x) < major))
        and (int(x), int(y)) <= (major, minor)
        for kind, x, y in codes
    )


def _uuid(index: int, about: Any) -> str:
    """A GPU's UUID; a MIG instance's name, since CUDA may report the UUID of the whole GPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    name = visible[index].strip() if index < len(visible) else ""
    return name if name.startswith("MIG-") else f"GPU-{getattr(about, 'uuid', index)}"


def uuids() -> dict[str, str]:
    """The `DeviceInfo.uuid` of every usable device by its id, the one ``auto`` prefers first."""
    return {device.id: device.uuid for device in available()}


def _cpu() -> DeviceInfo:
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    name = f"{_processor()}, {cores} core{'s' if cores != 1 else ''}"
    return DeviceInfo("cpu", name, psutil.virtual_memory().total, "cpu")


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def resolve(name: str, index: int = 0) -> torch.device:
    """The device of that name; ``auto`` picks CUDA, then MPS, then the CPU.

    Args:
        index: which of the usable GPUs ``auto`` and ``cuda`` mean, for one process per GPU.

    Raises:
        ConfigError: when this machine does not have it, or PyTorch cannot use it.
    """
    if name == "cpu":
        return torch.device(name)  # querying the GPUs would initialize CUDA
    devices = all_devices()
    ids = [device.id for device in devices if not device.problem]
    gpus = [device_id for device_id in ids if device_id.startswith("cuda")]
    if name == "auto" and not gpus:
        return torch.device(ids[0])
    if name in ("auto", "cuda"):
        name = gpus[index] if index < len(gpus) else f"cuda:{index}"
    if name in ids:
        return torch.device(name)
    use = f"use auto or one of {', '.join(ids)}."
    for device in devices:
        if device.id == name:
            raise ConfigError(f"{name} cannot be used, because {device.problem}: {use}")
    raise ConfigError(f"There is no device {name!r} here: {use}")


def choices(name: str) -> list[torch.device]:
    """The devices that a run with this setting may train on, the preferred first.

    Raises:
        ConfigError: as `resolve`.
    """
    first = resolve(name)
    if first.type != "cuda" or ":" in name:
        return [first]
    return [torch.device(id) for id in uuids() if id.startswith("cuda")]


def info(device: torch.device) -> DeviceInfo:
    """Name and memory of a device that `resolve` returned."""
    if device.type == "cpu":
        return _cpu()
    if device.type == "cuda":
        return _gpu(device.index)
    return next(entry for entry in available() if entry.id == str(device))


def check(settings: TrainConfig) -> torch.device:
    """The device of a run to be, without measuring anything.

    Raises:
        ConfigError: when this machine cannot train with these settings.
    """
    device = resolve(settings.device)
    check_precision(settings.precision, device)
    if settings.sync_batchnorm and device.type != "cuda":
        raise ConfigError(
            "Synchronized batch normalization needs CUDA GPUs: set --no-sync-batchnorm here."
        )
    if settings.devices > 1 and device.type == "mps":
        raise ConfigError("An Apple GPU trains alone: set --devices to 1, or choose the cpu.")
    if device.type == "cuda" and settings.devices > (count := len(choices("cuda"))):
        raise ConfigError(f"There are {count} usable GPUs here, not {settings.devices}.")
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


def prepare(device: torch.device) -> None:
    """Set this process up to train on a device.

    On a GPU, float32 means TF32 for convolutions and matrix products alike, where PyTorch's default
    is TF32 for convolutions alone; and cuDNN measures which algorithm is fastest, since the shapes
    are the same in every step.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)  # NCCL communicates through the current device
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True


def has_tf32(device: torch.device) -> bool:
    """Whether a device trains with TF32 units in ``fp32``; products are rounded to 10 bits."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= AMPERE


def has_bf16_units(device: torch.device) -> bool:
    """Whether a CPU or CUDA GPU computes in bfloat16; others emulate it, slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    if not torch.backends.mkldnn.is_available():  # oneDNN, which uses them
        return False
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return torch.ops.mkldnn._is_mkldnn_bf16_supported()  # on x86, also where it is emulated
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    if limit and not any(name in limit for name in ISA_WITH_BF16):
        return False
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a network runs in ``precision``."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def memory_in_use(device: torch.device) -> tuple[int, int]:
    """Memory in use, and in all, in bytes: of a GPU by all programs, else by this process."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total - free, total
    return peak_memory(device), psutil.virtual_memory().total


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
