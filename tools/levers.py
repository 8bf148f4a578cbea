"""What each lever of the training step gives, one at a time: ``python tools/levers.py``.

Every lever is measured against the engine as it is, the two in turn in processes of their own, on
the article's network and batches of 128. Figures above 1 mean that the lever makes a step faster.
The table in ``docs/levers.md`` is this program's output, with what came of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, pad

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from alexnet_demo.benchmarks.speed import worker
from alexnet_demo.data.splits import load_split
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.engine import Engine

BATCH = 128
ROUNDS = 3
Record = dict[str, Any]


class SmallConv1(nn.Module):
    """Upscaling 28×28 → 224×224 bilinearly and conv1, as one linear map of the small picture.

    Eight pixels of the large picture come from one of the small, and conv1 moves by four: so two
    kernels a side, each over 4×4 small pixels, give every second output. The border pixels repeat,
    as bilinear upscaling has it.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv
        taps = torch.stack([_taps(0), _taps(4)])
        self.register_buffer("taps", taps.to(conv.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, 28, 28) → (N, C, 54, 54)."""
        weight, bias = self.conv.weight, self.conv.bias
        channels = weight.shape[0]
        kernels = torch.einsum("oac,paj,qck->pqojk", weight[:, 0], self.taps, self.taps)
        assert bias is not None
        y = conv2d(
            pad(x, (1, 2, 1, 2), mode="replicate"),
            kernels.reshape(4 * channels, 1, 4, 4),
            bias.repeat(4),
        )
        y = y.view(len(x), 2, 2, channels, 28, 28).permute(0, 3, 4, 1, 5, 2)
        y = y.reshape(len(x), channels, 56, 56)[:, :, :54, :54]
        return y.contiguous(memory_format=torch.channels_last)


def _taps(offset: int) -> Tensor:
    """How much each of 11 large pixels from ``offset`` on takes of 4 small ones."""
    taps = torch.zeros(11, 4)
    for pixel in range(11):
        source = (pixel + offset - 3.5) / 8
        low = int(source // 1)
        taps[pixel, low + 1] += 1 - (source - low)
        taps[pixel, low + 2] += source - low
    return taps


def prove_small_conv1() -> tuple[float, ...]:
    """Greatest differences of outputs and weight gradients, relative to the greatest value."""
    torch.manual_seed(0)
    x, conv = torch.rand(8, 1, 28, 28), AlexNet().net[0]
    assert isinstance(conv, nn.Conv2d)
    found = []
    for forward in (
        lambda: conv(interpolate(x, size=(224, 224), mode="bilinear")),
        lambda: SmallConv1(conv)(x),
    ):
        conv.zero_grad()
        y = forward()
        (y * y).sum().backward()
        assert conv.weight.grad is not None
        found.append((y.detach(), conv.weight.grad.clone()))
    (y1, g1), (y2, g2) = found
    return tuple(float((a - b).abs().max() / a.abs().max()) for a, b in ((y1, y2), (g1, g2)))


def _as_it_is(_: Engine) -> None:
    pass


def _relu_after_pool(engine: Engine) -> None:
    layers = engine.model.net
    for relu, pool in ((1, 2), (4, 5), (11, 12)):
        layers[relu], layers[pool] = layers[pool], layers[relu]


def _small_conv1(engine: Engine) -> None:
    import alexnet_demo.training.engine as module

    engine.model.net[0] = SmallConv1(engine.model.net[0])  # type: ignore[arg-type]
    module.to_input = lambda images: images.unsqueeze(1).float() / 255


def _compiled(engine: Engine) -> None:
    engine._parallel = torch.compile(engine.model)  # type: ignore[assignment]


def _fused(engine: Engine) -> None:
    engine.optimizer = torch.optim.SGD(engine.model.parameters(), lr=0.1, fused=True)


LEVERS: dict[str, tuple[dict[str, Any], Callable[[Engine], None], bool]] = {
    # name: settings, change of the engine, whether freed memory is kept
    "as it is": ({}, _as_it_is, True),
    "float32 instead of bfloat16": ({"precision": "fp32"}, _as_it_is, True),
    "contiguous instead of channels-last": ({"memory_format": "contiguous"}, _as_it_is, True),
    "freed memory handed back (glibc's default)": ({}, _as_it_is, False),
    "conv1 straight from 28×28": ({}, _small_conv1, True),
    "ReLU after max-pooling": ({}, _relu_after_pool, True),
    "torch.compile": ({}, _compiled, True),
    "fused SGD": ({}, _fused, True),
    "half the width": ({"width": 0.5}, _as_it_is, True),
    "a quarter of the width": ({"width": 0.25}, _as_it_is, True),
    "a quarter, conv1 straight from 28×28": ({"width": 0.25}, _small_conv1, True),
    "an eighth of the width": ({"width": 0.125}, _as_it_is, True),
}


def steps(lever: str) -> Iterator[Record]:
    """Images/s of an engine with one lever pulled, a step a turn."""
    settings, change, keep = LEVERS[lever]
    if keep:
        devices.keep_freed_memory()
    engine = Engine(TrainConfig(**{"precision": "auto", **settings}))
    data = load_split(train=True, device=engine.device)
    change(engine)
    chosen = torch.arange(BATCH, device=engine.device)
    for number in range(10**6):
        begin = time.perf_counter()
        engine.step(data, chosen, number, 0.01)
        devices.synchronize(engine.device)
        yield {"rate": BATCH / (time.perf_counter() - begin), "precision": engine.precision}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("levers", nargs="*", help="some of them; all without")
    chosen = parser.parse_args().levers or [name for name in LEVERS if name != "as it is"]
    outputs, gradients = prove_small_conv1()
    print(f"conv1 straight from 28×28 differs by {outputs:.0e}, its gradients by {gradients:.0e}")
    print("| lever | images/s | beside the engine as it is | |\n| --- | --- | --- | --- |")
    for name in chosen:
        with worker(steps, "as it is") as base, worker(steps, name) as lever:
            base(), lever()  # each plans and allocates
            rounds = [(base()["rate"], lever()["rate"]) for _ in range(ROUNDS)]
        ratios = [pulled / plain for plain, pulled in rounds]
        rate = statistics.median(pulled for _, pulled in rounds)
        print(
            f"| {name} | {rate:.0f} | {statistics.median(ratios):.2f} | "
            f"{min(ratios):.2f} to {max(ratios):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
