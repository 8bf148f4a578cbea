"""TODO docstring."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.device import (
    autocast,
    available,
    info,
    keep_freed_memory,
    resolve,
)
from alexnet_demo.network.timing import best_time, choose_precision
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.settings.config import TrainConfig, stages
from alexnet_demo.settings.cost import Speed


def probe(settings: TrainConfig) -> dict[str, Any]:
    """Measure this machine for these settings: its devices, and a `cost.Speed` for each width."""
    device = resolve(settings.device)
    keep_freed_memory()
    precision = choose_precision(settings.precision, device)
    base = _base_bytes(device)  # after the choice, which a training makes too, and which takes some
    widths = dict.fromkeys(stage.width for stage in stages(settings))
    return {
        "devices": [asdict(found) for found in available()],
        "speeds": [
            asdict(measure(device, precision, replace(settings, width=width, grow=""), base))
            for width in widths
        ],
    }


def measure(
    device: torch.device, precision: str, settings: TrainConfig, base_bytes: int = 0
) -> Speed:
    """Time a few training steps and evaluations of the network of ``settings``.

    On a CPU, where time goes linearly with the batch, a batch of at most 32 tells enough.
    """
    batch = min(settings.batch_size, 32 if device.type == "cpu" else 1024)
    model = AlexNet(width=settings.width).to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=settings.momentum)
    x = torch.rand(batch, 1, model.image_size, model.image_size, device=device)
    y = torch.zeros(batch, dtype=torch.long, device=device)

    def gradients() -> None:
        optimizer.zero_grad()
        with autocast(device, precision):
            loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()

    def test() -> None:
        with torch.no_grad(), autocast(device, precision):
            model(x)

    gradients()  # the first step also plans and allocates
    optimizer.step()
    one_step = best_time(gradients, device)
    update = best_time(optimizer.step, device)
    per_image, constant = _saved_bytes(model, x, y, device, precision)
    model.eval()
    return Speed(
        width=settings.width,
        device=str(device),
        device_name=info(device).name,
        precision=precision,
        seconds_per_image=one_step / batch,
        seconds_per_update=update,
        test_seconds_per_image=best_time(test, device) / batch,
        # Weights, gradients, momentum, and the copy of the weights that goes into a checkpoint
        parameter_bytes=4 * count_parameters(model) * (4 if settings.momentum else 3) + constant,
        activation_bytes_per_image=per_image,
        base_bytes=base_bytes,
    )


def _saved_bytes(
    model: AlexNet, x: Tensor, y: Tensor, device: torch.device, precision: str
) -> tuple[int, int]:
    """Bytes that the backward pass keeps of the forward pass: a picture, and whatever the batch.

    What does not grow with the batch are, above all, the weights in a shorter precision.
    """
    own = {p.data_ptr() for p in model.parameters()}

    def kept_of(count: int) -> int:
        kept: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            if tensor.data_ptr() not in own:
                kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t)
        with hooks, autocast(device, precision):
            loss = nn.functional.cross_entropy(model(x[:count]), y[:count])
        del loss
        return sum(kept.values())

    count = len(x)
    whole, half = kept_of(count), kept_of(max(1, count // 2))
    per_image = (whole - half) // (count - count // 2) if count > 1 else whole
    return per_image, max(0, whole - count * per_image)


def _base_bytes(device: torch.device) -> int:
    """What is in use before any training: the data set, and on a CPU the libraries."""
    import torchvision.datasets  # noqa: F401 - the trainer reads the data set with it

    data_set = (TRAIN_SAMPLES + TEST_SAMPLES) * 28 * 28
    return data_set + (psutil.Process().memory_info().rss if device.type == "cpu" else 0)
