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
from alexnet_demo.data.splits import Split
from alexnet_demo.images.prepared import SIDE
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.device import autocast
from alexnet_demo.network.input import to_input
from alexnet_demo.network.timing import best_time
from alexnet_demo.runs.devices import record
from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import Speed
from alexnet_demo.settings.schedule import MIN_WIDTH, stages
from alexnet_demo.training.engine import Engine


def probe(settings: TrainConfig) -> dict[str, Any]:
    """Measure this machine for these settings: its devices, and a `cost.Speed` for each width.

    ``other_load`` is the share of its processors, 0 to 1, that other programs used meanwhile.
    """
    import torchvision.datasets  # noqa: F401 - part of the memory that a run takes

    devices.keep_freed_memory()
    # Not compiled, which takes minutes at each width: the estimate is then on the safe side.
    first = Engine(replace(settings, width=MIN_WIDTH, grow="", devices=1, compile="off"))
    device = first.device
    if device.type != "cpu":
        record(devices.uuids())
    # Chosen once, as a run does.
    chosen = replace(first.config, precision=first.precision, memory_format=first.memory_format)
    chosen = replace(chosen, train_samples=1)  # with small banks, which are as fast
    # In use before training: the dataset, and on a CPU the libraries, after a choice as a run's.
    base_bytes = (TRAIN_SAMPLES + TEST_SAMPLES) * 28 * 28
    if device.type == "cpu":
        base_bytes += psutil.Process().memory_info().rss
    widths = dict.fromkeys(stage.width for stage in stages(settings))
    meter, own = CpuMeter(), time.process_time()
    speeds = [
        measure(Engine(replace(chosen, width=width), device=device), base_bytes) for width in widths
    ]
    busy, total = meter.read()
    others = max(0.0, busy - (time.process_time() - own))
    return {
        "devices": [asdict(device) for device in devices.all_devices()],
        "speeds": [asdict(speed) for speed in speeds],
        "other_load": min(1.0, others / total) if total else 0.0,
    }


def measure(engine: Engine, base_bytes: int = 0) -> Speed:
    """Time an engine's steps, with all that they do to images, and its evaluations.

    On a CPU, where time is linear in the batch size, a batch of at most 32 is enough. The network
    keeps its weights, since the learning rate is 0.
    """
    device, settings, model = engine.device, engine.config, engine.model
    batch = min(settings.batch_size, 32 if device.type == "cpu" else 1024)
    indices = torch.arange(batch, device=device)
    images = torch.randint(256, (batch, SIDE, SIDE), device=device).byte()
    data = Split(images, indices % len(CLASSES))

    def step() -> None:
        engine.step(data, indices, 0, lr=0.0)

    step()  # plans and allocates
    step_seconds = best_time(step, device)
    update_seconds = best_time(engine.optimizer.step, device)
    per_image, constant = _saved_bytes(model, to_input(images), data.labels, engine.precision)

    def test() -> None:
        engine.test(data, slice(batch))

    test()
    return Speed(
        width=settings.width,
        device=str(device),
        device_name=devices.info(device).name,
        precision=engine.precision,
        seconds_per_image=max(0.0, step_seconds - update_seconds) / batch,
        seconds_per_update=update_seconds,
        test_seconds_per_image=best_time(test, device) / batch,
        parameters=count_parameters(model),
        parameter_bytes=4 * count_parameters(model) * _copies(device, settings) + constant,
        activation_bytes_per_image=per_image,
        base_bytes=base_bytes,
        tf32=engine.precision == "fp32" and devices.has_tf32(device),
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
