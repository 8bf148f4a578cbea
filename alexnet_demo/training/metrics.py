"""TODO docstring."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from alexnet_demo.training.engine import BatchResult, Engine


@dataclass
class Metrics:
    """Summed loss, hits and samples of some batches."""

    loss: float = 0.0
    correct: float = 0.0
    count: int = 0

    @property
    def mean_loss(self) -> float:
        return self.loss / self.count

    @property
    def accuracy(self) -> float:
        return self.correct / self.count


class MetricAccumulator:
    """Sums that stay on the device until `drain` asks for them.

    Attributes:
        total: all that was drained, in float64, which the device may not have.
        count: samples since the last drain.
    """

    def __init__(self, engine: Engine, total: Metrics | None = None) -> None:
        self.total = total or Metrics()
        self._engine = engine
        self._fresh()

    def _fresh(self) -> None:
        self._sums = torch.zeros(2, device=self._engine.device)
        self.count = 0
        self._since = time.perf_counter()

    @property
    def age(self) -> float:
        """Seconds since the last drain."""
        return time.perf_counter() - self._since

    def add(self, result: BatchResult) -> None:
        """Add a batch."""
        self._sums += torch.stack([result.loss, result.correct])
        self.count += result.count

    def flush(self) -> tuple[Metrics, float]:
        """The sums and seconds since the last call, which go into `total`; waits for the device."""
        loss, correct = self._engine.group.all_reduce(self._sums).tolist()
        sums, seconds = Metrics(loss, correct, self.count), self.age
        total = self.total
        self.total = Metrics(total.loss + loss, total.correct + correct, total.count + sums.count)
        self._fresh()
        return sums, seconds
