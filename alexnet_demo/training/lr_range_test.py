"""The learning-rate range test: raise the rate step by step and see where the loss falls fastest.

The test is Smith's, "Cyclical Learning Rates for Training Neural Networks" (2017): the rate rises
linearly, and a range is read from the accuracy. The exponential rise, and suggesting the rate where
the smoothed loss falls most steeply, are fastai's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alexnet_demo.settings.config import TrainConfig

STEPS = 100
LOWEST, HIGHEST = 1e-4, 3.0
SMOOTHING = 0.85
LEARNED = 0.1
"""A smaller fall of the smoothed loss, in nats, counts as noise."""
DIVERGED = 2.0
"""The test ends when the smoothed loss is this many times its minimum."""


@dataclass(frozen=True)
class Trial:
    """One step of the test: its learning rate, its loss, and the smoothed loss so far."""

    lr: float
    loss: float
    smoothed: float


def range_test(config: TrainConfig, steps: int = STEPS) -> Iterator[Trial]:
    """Train a new network for some steps at exponentially rising rates; end early if it diverges.

    A growing run is tested at its first width.
    """
    import torch

    from alexnet_demo.data.splits import epoch_order, load_split
    from alexnet_demo.network.device import keep_freed_memory
    from alexnet_demo.training.engine import Engine

    keep_freed_memory()
    engine = Engine(config)
    data = load_split(train=True, device=engine.device).head(config.train_images)
    epochs = range(math.ceil(steps * config.batch_size / len(data)))
    order = torch.cat([epoch_order(len(data), config.seed, epoch) for epoch in epochs])
    average, lowest = 0.0, math.inf
    for number, indices in enumerate(order.to(engine.device).split(config.batch_size)[:steps]):
        lr = LOWEST * (HIGHEST / LOWEST) ** (number / (steps - 1))
        result = engine.step(data, indices, number, lr)
        loss = float(result.loss) / result.count
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        smoothed = average / (1 - SMOOTHING ** (number + 1))
        if not math.isfinite(smoothed) or smoothed > DIVERGED * lowest:
            return
        lowest = min(lowest, smoothed)
        yield Trial(lr, loss, smoothed)


def suggest_lr(trials: Sequence[Trial]) -> float:
    """The learning rate where the smoothed loss falls most steeply, to one significant digit.

    The slope is taken over five steps, against the logarithm of the rate.

    Raises:
        ValueError: when there are too few trials, or the loss did not fall.
    """
    if len(trials) < 6:
        raise ValueError("The loss diverged at once, so no learning rate can be suggested.")
    if trials[0].smoothed - min(trial.smoothed for trial in trials) < LEARNED:
        raise ValueError(
            f"The loss hardly fell in {len(trials)} steps, so no learning rate can be suggested. "
            "Plain SGD from PyTorch's default initialization is slow to start: try momentum, or "
            "He initialization."
        )
    falls = [a.smoothed - b.smoothed for a, b in zip(trials, trials[5:], strict=False)]
    return float(f"{trials[falls.index(max(falls)) + 2].lr:.0e}")
