"""Loss and accuracy summed over batches: on the device first, rarely read back."""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass

import torch

from alexnet_demo.training.engine import BatchResult, Engine


@dataclass(frozen=True)
class Metrics:
    """Summed loss, correct predictions, number of samples, and the seconds that they took."""

    loss: float = 0.0
    correct: float = 0.0
    count: int = 0
    seconds: float = 0.0

    @property
    def mean_loss(self) -> float:
        return self.loss / self.count

    @property
    def accuracy(self) -> float:
        return self.correct / self.count

    @property
    def images_per_s(self) -> float:
        return self.count / self.seconds

    def __add__(self, other: Metrics) -> Metrics:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Metrics(*(one + more for one, more in pairs))


class MetricAccumulator:
    """Sums batch results on the device until `flush` reads them.

    Attributes:
        count: samples since the last flush.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reset()

    def _reset(self) -> None:
        self._sums = torch.zeros(2, device=self._engine.device)
        self.count = 0
        self._since = time.perf_counter()

    @property
    def age(self) -> float:
        """Seconds since the last flush."""
        return time.perf_counter() - self._since

    def add(self, result: BatchResult) -> None:
        """Add a batch without waiting for the device."""
        self._sums += torch.stack([result.loss, result.correct])
        self.count += result.count

    def flush(self) -> Metrics:
        """Return the metrics of all processes since the last flush; waits for the device."""
        loss, correct = self._engine.group.all_reduce(self._sums).tolist()
        metrics = Metrics(loss, correct, self.count, self.age)
        self._reset()
        return metrics
