"""Times work on a device, and chooses precision and memory format by what is faster there."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from alexnet_demo.network.device import (
    DTYPES,
    autocast,
    check_precision,
    has_bf16_units,
    synchronize,
)

FP16_GAIN = 1.3
"""Least gain for which fp16 is worth the host's wait for each step's overflow check."""
MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def time_call(work: Callable[[], object], device: torch.device) -> float:
    """Seconds for the device to finish the work."""
    synchronize(device)
    begin = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - begin


def best_time(work: Callable[[], object], device: torch.device, rounds: int = 3) -> float:
    """The least seconds of some rounds: other load on the machine can only add to it."""
    return min(time_call(work, device) for _ in range(rounds))


def best_interleaved(
    works: Mapping[str, Callable[[], object]],
    device: torch.device,
    rounds: int,
    hopeless: float = math.inf,
) -> dict[str, float]:
    """The least seconds of each, measured in turn, so that other load affects all.

    Args:
        hopeless: give up after three rounds when one takes this many times as long as another.
    """
    for work in works.values():
        work()  # the first call plans and allocates
    best = dict.fromkeys(works, math.inf)
    for done in range(rounds):
        for name, work in works.items():
            best[name] = min(best[name], time_call(work, device))
        if done >= 2 and max(best.values()) > hopeless * min(best.values()):
            break
    return best


def matmul_flops(device: torch.device, precision: str, side: int) -> float:
    """FLOP/s of a square matrix product of this side, the best of five."""
    return 2 * side**3 / best_time(_matmul(device, precision, side), device, rounds=5)


def _matmul(device: torch.device, precision: str, side: int) -> Callable[[], Tensor]:
    a = torch.rand(side, side, device=device).to(DTYPES[precision])
    return lambda: a @ a


def choose_precision(requested: str, device: torch.device) -> str:
    """``fp32``, ``bf16`` or ``fp16``; ``auto`` takes bf16 where the device has units for it.

    On a CUDA GPU without, it takes fp16 if that is clearly faster: tensor cores came before
    bfloat16, but many GPUs have neither. Nothing is measured on a CPU, where other load made the
    choice differ from start to start.

    Raises:
        ConfigError: for fp16 without CUDA.
    """
    check_precision(requested, device)
    if requested != "auto":
        return requested
    if device.type == "mps":
        return "fp32"  # not every supported release has reliable autocast on MPS
    if has_bf16_units(device):
        return "bf16"
    if device.type == "cpu":
        return "fp32"
    works = {name: _matmul(device, name, 4096) for name in ("fp32", "fp16")}
    best = best_interleaved(works, device, rounds=20, hopeless=10.0)
    return "fp16" if best["fp32"] > FP16_GAIN * best["fp16"] else "fp32"


def choose_memory_format(requested: str, device: torch.device, precision: str) -> str:
    """``channels_last`` or ``contiguous``; ``auto`` times conv2, the costliest layer, in both.

    Channels-last wins unless it is clearly slower, so that other load on the machine does not
    change the choice from run to run. On MPS it is contiguous whatever is requested: there, batch
    normalization's backward pass in channels-last is wrong or crashes (pytorch#175189).
    """
    if device.type == "mps":
        return "contiguous"
    if requested != "auto":
        return requested
    works = {name: _conv2_step(device, precision, name) for name in MEMORY_FORMATS}
    best = best_interleaved(works, device, rounds=6)
    return "contiguous" if best["channels_last"] > 1.2 * best["contiguous"] else "channels_last"


def _conv2_step(device: torch.device, precision: str, memory_format: str) -> Callable[[], None]:
    """Forward and backward pass of the article's conv2 on a small batch."""
    layer = nn.Conv2d(96, 256, kernel_size=5, padding=2, device=device)
    layer.to(memory_format=MEMORY_FORMATS[memory_format])
    x = torch.rand(8 if device.type == "cpu" else 128, 96, 26, 26, device=device)
    x = x.to(memory_format=MEMORY_FORMATS[memory_format]).requires_grad_()

    def step() -> None:
        with autocast(device, precision):
            y = layer(x)
        y.sum().backward()

    return step
