"""The effect of single optimizations of the training step: ``python tools/levers.py``.

Each is measured against the engine without it, the two taking turns in processes of their own, on
the article's network and batches of 128. Above 1 it makes a step faster. The table in
``docs/levers.md`` is this program's output, with the decisions.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, pad, pixel_unshuffle

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.benchmarks.speed import BATCH, Record, worker
from alexnet_demo.data.splits import load_split
from alexnet_demo.network import device as devices
from alexnet_demo.network import timing
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import engine as engine_module
from alexnet_demo.training.engine import Engine

ROUNDS = 3
BASELINE = "baseline"


class SmallConv1(nn.Module):
    """Bilinear upscaling 28×28 → 224×224 and conv1, as one linear map of the small image.

    Eight large pixels come from each small one, and conv1's stride is four: so two kernels per
    side, each over 4×4 small pixels, give every second output. The border pixels repeat, as in
    bilinear upscaling.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        taps = torch.stack([_taps(0), _taps(4)])
        self.register_buffer("taps", taps.to(conv.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 28, 28) → (N, C, 54, 54)."""
        weight, bias = self.conv.weight, self.conv.bias
        assert bias is not None
        channels = weight.shape[0]
        kernels = torch.einsum("oac,paj,qck->pqojk", weight[:, 0], self.taps, self.taps)
        x = pad(x, (1, 2, 1, 2), mode="replicate")
        y = conv2d(x, kernels.reshape(4 * channels, 1, 4, 4), bias.repeat(4))
        y = y.view(len(x), 2, 2, channels, 28, 28).permute(0, 3, 4, 1, 5, 2)
        y = y.reshape(len(x), channels, 56, 56)[:, :, :54, :54]
        return y.contiguous(memory_format=torch.channels_last)


class BlockConv1(nn.Module):
    """conv1 on blocks of 4×4 pixels: 3×3 with 16 channels and stride 1, not 11×11 with stride 4.

    The same linear map, with kernels padded to 12×12; oneDNN's kernels are made for more than one
    input channel.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 224, 224) → (N, C, 54, 54)."""
        weight = pixel_unshuffle(pad(self.conv.weight, (0, 1, 0, 1)), 4)
        return conv2d(pixel_unshuffle(x, 4), weight, self.conv.bias)


def _taps(offset: int) -> Tensor:
    """Weights (11, 4) of 4 small pixels in each of 11 large ones from ``offset`` on."""
    taps = torch.zeros(11, 4)
    for pixel in range(11):
        source = (pixel + offset - 3.5) / 8
        low = int(source // 1)
        taps[pixel, low + 1] += 1 - (source - low)
        taps[pixel, low + 2] += source - low
    return taps


def prove_small_conv1() -> tuple[float, ...]:
    """Maximum difference of outputs and weight gradients, relative to the maximum value."""
    torch.manual_seed(0)
    x, conv = torch.rand(8, 1, 28, 28), AlexNet().net[0]
    assert isinstance(conv, nn.Conv2d)
    results = []
    for forward in (
        lambda: conv(interpolate(x, size=(224, 224), mode="bilinear")),
        lambda: SmallConv1(conv)(x),
    ):
        y = forward()
        (gradient,) = torch.autograd.grad((y * y).sum(), conv.weight)
        results.append((y.detach(), gradient))
    return tuple(float((a - b).abs().max() / a.abs().max()) for a, b in zip(*results, strict=True))


def _unchanged(_: Engine) -> None:
    pass


def _relu_after_pool(engine: Engine) -> None:
    layers = engine.model.net
    for relu, pool in ((1, 2), (4, 5), (11, 12)):
        layers[relu], layers[pool] = layers[pool], layers[relu]


def _small_conv1(engine: Engine) -> None:
    engine.model.net[0] = SmallConv1(engine.model.net[0])  # type: ignore[arg-type]
    engine_module.to_input = lambda images: images.unsqueeze(1).float() / 255


def _block_conv1(engine: Engine) -> None:
    engine.model.net[0] = BlockConv1(engine.model.net[0])  # type: ignore[arg-type]


def _compiled(engine: Engine) -> None:
    engine._parallel = torch.compile(engine.model)  # type: ignore[assignment]


def _fused(engine: Engine) -> None:
    engine.optimizer = torch.optim.SGD(engine.model.parameters(), lr=0.1, fused=True)


RETURNED = "freed memory handed back (glibc's default)"
LEVERS: dict[str, tuple[dict[str, Any], Callable[[Engine], None]]] = {
    # name: settings, change of the engine
    BASELINE: ({}, _unchanged),
    "float32 instead of bfloat16": ({"precision": "fp32"}, _unchanged),
    "contiguous instead of channels-last": ({"memory_format": "contiguous"}, _unchanged),
    RETURNED: ({}, _unchanged),
    "conv1 straight from 28×28": ({}, _small_conv1),
    "conv1 on blocks of 4×4 pixels": ({}, _block_conv1),
    "ReLU after max-pooling": ({}, _relu_after_pool),
    "torch.compile": ({}, _compiled),
    "fused SGD": ({}, _fused),
    "half the width": ({"width": 0.5}, _unchanged),
    "a quarter of the width": ({"width": 0.25}, _unchanged),
    "a quarter, conv1 straight from 28×28": ({"width": 0.25}, _small_conv1),
    "a quarter, conv1 on blocks of 4×4 pixels": ({"width": 0.25}, _block_conv1),
    "an eighth of the width": ({"width": 0.125}, _unchanged),
    "an eighth, conv1 on blocks of 4×4 pixels": ({"width": 0.125}, _block_conv1),
}


def steps(lever: str) -> Iterator[Record]:
    """Images/s of an engine with one lever applied, one step per turn."""
    settings, change = LEVERS[lever]
    if lever != RETURNED:
        devices.keep_freed_memory()
    engine = Engine(TrainConfig(**{"precision": "auto", **settings}))
    data = load_split(train=True, device=engine.device)
    change(engine)
    indices = torch.arange(BATCH, device=engine.device)
    for number in range(10**6):
        seconds = timing.time_call(
            lambda number=number: engine.step(data, indices, number, 0.01),  # type: ignore[misc]
            engine.device,
        )
        yield {"rate": BATCH / seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("levers", nargs="*", help="default: all")
    names = parser.parse_args().levers or [name for name in LEVERS if name != BASELINE]
    outputs, gradients = prove_small_conv1()
    print(f"conv1 straight from 28×28 differs by {outputs:.0e}, its gradients by {gradients:.0e}")
    print("| lever | images/s | relative to the engine | spread |\n| --- | --- | --- | --- |")
    for name in names:
        with worker(steps, BASELINE) as base, worker(steps, name) as lever:
            base(), lever()  # both plan and allocate
            rounds = [(base()["rate"], lever()["rate"]) for _ in range(ROUNDS)]
        ratios = [rate / base_rate for base_rate, rate in rounds]
        rate = statistics.median(rate for _, rate in rounds)
        print(
            f"| {name} | {rate:.0f} | {statistics.median(ratios):.2f} | "
            f"{min(ratios):.2f} to {max(ratios):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
