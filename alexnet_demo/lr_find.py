"""The learning-rate range test: raise the rate step by step and see where learning is fastest.

After Smith, "Cyclical Learning Rates for Training Neural Networks" (2017).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alexnet_demo.config import LIMITS, TrainConfig

STEPS = 100
LOWEST, HIGHEST = 1e-4, 3.0
SMOOTHING = 0.85
DIVERGED = 2.0
"""The test ends when the smoothed loss is so many times its lowest."""


@dataclass(frozen=True)
class Trial:
    """One step of the test: its learning rate, its loss, and the smoothed loss so far."""

    lr: float
    loss: float
    smoothed: float


def range_test(config: TrainConfig, steps: int = STEPS) -> Iterator[Trial]:
    """Train a fresh network for a few steps, each at a higher rate than the one before.

    The first network of a growing training is the one that is tried. Ends early where the loss
    grows beyond bounds.
    """
    import torch

    from alexnet_demo.data import epoch_order, load_split
    from alexnet_demo.device import keep_freed_memory
    from alexnet_demo.engine import Engine

    keep_freed_memory()
    engine = Engine(config)
    data = load_split(train=True, device=engine.device).head(config.train_images)
    order = torch.cat([epoch_order(len(data), config.seed, epoch) for epoch in range(steps)])
    average, lowest = 0.0, math.inf
    for number, chosen in enumerate(order.to(engine.device).split(config.batch_size)[:steps]):
        lr = LOWEST * (HIGHEST / LOWEST) ** (number / (steps - 1))
        outcome = engine.step(data, chosen, number, lr)
        loss = float(outcome.loss) / outcome.count
        average = SMOOTHING * average + (1 - SMOOTHING) * loss
        smoothed = average / (1 - SMOOTHING ** (number + 1))
        if not math.isfinite(smoothed) or smoothed > DIVERGED * lowest:
            return
        lowest = min(lowest, smoothed)
        yield Trial(lr, loss, smoothed)


def suggestion(trials: Sequence[Trial]) -> float:
    """A learning rate to use: where the smoothed loss falls fastest, to one significant digit.

    Steepness is taken against the logarithm of the rate, over five steps.

    Raises:
        ValueError: when there are too few trials.
    """
    if len(trials) < 6:
        raise ValueError("The loss grew beyond bounds at once: no learning rate can be suggested.")
    falls = [a.smoothed - b.smoothed for a, b in zip(trials, trials[5:], strict=False)]
    lr = trials[falls.index(max(falls)) + 2].lr
    digit = 10.0 ** math.floor(math.log10(lr))
    limit = LIMITS["lr"]
    return min(max(round(lr / digit) * digit, limit.low), limit.high)
