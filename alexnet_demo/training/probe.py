"""Measures how fast this machine trains and how much memory that takes, for the time estimate."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Any

import psutil
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from alexnet_demo.common.machine import CpuMeter
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.device import autocast
from alexnet_demo.network.timing import best_time, choose_precision
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import Speed
from alexnet_demo.settings.schedule import stages


def probe(settings: TrainConfig) -> dict[str, Any]:
    """Measure this machine for these settings: its devices, and a `cost.Speed` for each width.

    ``other_load`` is the share of its processors, 0 to 1, that other programs used meanwhile.
    """
    import torchvision.datasets  # noqa: F401 - part of the memory that a run takes

    device = devices.resolve(settings.device)
    devices.keep_freed_memory()
    precision = choose_precision(settings.precision, device)
    # In use before training: the dataset, and on a CPU the libraries, after a choice as a run's.
    base_bytes = (TRAIN_SAMPLES + TEST_SAMPLES) * 28 * 28
    if device.type == "cpu":
        base_bytes += psutil.Process().memory_info().rss
    widths = dict.fromkeys(stage.width for stage in stages(settings))
    meter, own = CpuMeter(), time.process_time()
    speeds = [
        measure(device, precision, replace(settings, width=width, grow=""), base_bytes)
        for width in widths
    ]
    busy, total = meter.read()
    others = max(0.0, busy - (time.process_time() - own))
    return {
        "devices": [asdict(device) for device in devices.available()],
        "speeds": [asdict(speed) for speed in speeds],
        "other_load": min(1.0, others / total) if total else 0.0,
    }


def measure(
    device: torch.device, precision: str, settings: TrainConfig, base_bytes: int = 0
) -> Speed:
    """Time training steps and evaluations of the network of ``settings``.

    On a CPU, where time is linear in the batch size, a batch of at most 32 is enough.
    """
    batch = min(settings.batch_size, 32 if device.type == "cpu" else 1024)
    model = AlexNet(width=settings.width).to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=settings.momentum)
    x = torch.rand(batch, 1, model.image_size, model.image_size, device=device)
    y = torch.zeros(batch, dtype=torch.long, device=device)

    def backward() -> None:
        optimizer.zero_grad()
        with autocast(device, precision):
            loss = cross_entropy(model(x), y)
        loss.backward()

    def test() -> None:
        with torch.no_grad(), autocast(device, precision):
            model(x)

    backward()  # the first step plans and allocates
    optimizer.step()
    step_seconds = best_time(backward, device)
    update_seconds = best_time(optimizer.step, device)
    per_image, constant = _saved_bytes(model, x, y, precision)
    model.eval()
    return Speed(
        width=settings.width,
        device=str(device),
        device_name=devices.info(device).name,
        precision=precision,
        seconds_per_image=step_seconds / batch,
        seconds_per_update=update_seconds,
        test_seconds_per_image=best_time(test, device) / batch,
        parameters=count_parameters(model),
        parameter_bytes=4 * count_parameters(model) * _copies(device, settings) + constant,
        activation_bytes_per_image=per_image,
        base_bytes=base_bytes,
    )


def _copies(device: torch.device, settings: TrainConfig) -> int:
    """How many values a parameter takes: weight, gradient, momentum, and those in a checkpoint.

    A checkpoint is copied to host memory, which is no part of a GPU's.
    """
    state = 2 if settings.momentum else 1
    return state + 1 + (0 if device.type == "cuda" else state)


def _saved_bytes(model: AlexNet, x: Tensor, y: Tensor, precision: str) -> tuple[int, int]:
    """Bytes saved for the backward pass: per image, and independent of the batch size.

    The latter are mostly weights cast to a lower precision.
    """
    parameters = {p.data_ptr() for p in model.parameters()}

    def saved(count: int) -> int:
        sizes: dict[int, int] = {}  # by address

        def pack(tensor: Tensor) -> Tensor:
            if tensor.data_ptr() not in parameters:
                sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
        with hooks, autocast(x.device, precision):
            loss = cross_entropy(model(x[:count]), y[:count])
        del loss  # it kept the tensors alive, so that no address was used twice
        return sum(sizes.values())

    count = len(x)
    full, half = saved(count), saved(max(1, count // 2))
    per_image = (full - half) // (count - count // 2) if count > 1 else full
    return per_image, max(0, full - count * per_image)
