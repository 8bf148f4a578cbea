"""Time work on a device, and choose precision and memory format by what is faster there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from alexnet_demo.network.device import DTYPES, autocast, check_precision, synchronize

MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def time_call(work: Callable[[], object], device: torch.device) -> float:
    synchronize(device)
    begin = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - begin


def best_time(work: Callable[[], object], device: torch.device) -> float:
    """The best of three: other work that shares the machine can only make it slower."""
    return min(time_call(work, device) for _ in range(3))


def best_interleaved(
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
            best[name] = min(best[name], time_call(work, device))
        if done >= 2 and max(best.values()) > hopeless * min(best.values()):
            break
    return best


def matmul_flops(device: torch.device, precision: str, side: int) -> float:
    """FLOP/s of a square matrix product of this side, the best of five."""
    work = _matmul(device, precision, side)
    return 2 * side**3 / min(time_call(work, device) for _ in range(5))


def _matmul(device: torch.device, precision: str, side: int) -> Callable[[], Tensor]:
    a = torch.rand(side, side, device=device).to(DTYPES[precision])
    return lambda: a @ a


def choose_precision(requested: str, device: torch.device) -> str:
    """``fp32``, ``bf16`` or ``fp16``; ``auto`` measures whether bfloat16 pays on this device.

    A processor without bfloat16 units emulates it hundreds of times slower, so the answer is
    taken from a small matrix product rather than from a list of devices.

    Raises:
        ConfigError: for fp16 without CUDA: its loss scaling is not to be had on MPS, and on a
            CPU it would only be slower and less exact.
    """
    check_precision(requested, device)
    if requested != "auto":
        return requested
    if device.type == "mps":
        return "fp32"  # autocast on MPS is not dependable in every supported release
    small = 256 if device.type == "cpu" else 4096
    works = {name: _matmul(device, name, small) for name in ("fp32", "bf16")}
    best = best_interleaved(works, device, rounds=20, hopeless=10.0)
    return "bf16" if best["fp32"] > 1.3 * best["bf16"] else "fp32"


def choose_memory_format(requested: str, device: torch.device, precision: str) -> str:
    """``channels_last`` or ``contiguous``; ``auto`` times conv2, the most work, in both.

    Channels-last is taken unless it is clearly slower, and the two are timed in turn, so that
    other work on the machine cannot turn the choice from one run to the next.
    """
    if requested != "auto":
        return requested
    works = {
        name: _conv2_step(device, precision, format_) for name, format_ in MEMORY_FORMATS.items()
    }
    best = best_interleaved(works, device, rounds=6)
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
