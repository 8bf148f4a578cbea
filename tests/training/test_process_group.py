"""Decisions, GPUs, and batch normalization of several processes, without starting any."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from torch import nn

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import AlexNet, fuse_batchnorm
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import distributed
from alexnet_demo.training.distributed import AGREE_SECONDS, Agreement, ProcessGroup, gpu_index

STEPS = 500


class Channel(ProcessGroup):
    """Two processes of which rank 0 is always ahead: its broadcasts wait for rank 1."""

    sent: ClassVar[deque[tuple[int, ...]]] = deque()

    def broadcast(self, *values: int) -> list[int]:
        if self.is_main:
            self.sent.append(values)
            return list(values)
        return list(self.sent.popleft())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [100.0]
    monkeypatch.setattr(distributed.time, "monotonic", lambda: now[0])
    Channel.sent.clear()
    yield now
    assert not Channel.sent


def decisions(rank: int, clock: list[float], step_seconds: float) -> tuple[list[int], list[int]]:
    """What a process does after each step, and after which steps it asks for a decision."""
    agreement, asked = Agreement(Channel(rank, 2)), []

    def decide(number: int) -> int:
        asked.append(number)
        return number if rank == 0 else -1  # which nobody must act on

    actions = []
    for number in range(1, STEPS + 1):
        clock[0] += step_seconds
        actions.append(agreement.after_step(partial(decide, number), due=number % 90 == 0))
    return actions, asked


@pytest.mark.parametrize("step_seconds", [0.0, 0.001, 0.03, 2.0])
def test_all_processes_act_on_rank_0s_decision_after_the_same_steps(
    clock: list[float], step_seconds: float
):
    """Though rank 1 has another clock."""
    main, asked = decisions(0, clock, step_seconds)
    other, _ = decisions(1, clock, 7 * step_seconds)
    assert other == main
    assert [action for action in main if action] == asked
    assert {1, 90, 180} <= set(asked)
    gaps = [b - a for a, b in pairwise(asked)]
    assert max(gaps) <= max(1, AGREE_SECONDS / max(step_seconds, 1e-6))
    assert len(asked) < STEPS / 2 or step_seconds > AGREE_SECONDS / 4


def test_a_single_process_decides_after_each_step():
    agreement = Agreement(ProcessGroup())
    assert [agreement.after_step(partial(int, n)) for n in range(1, 6)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("local_rank", "visible", "index"), [(0, 1, 0), (3, 1, 0), (0, 4, 0), (3, 4, 3), (2, 0, 2)]
)
def test_a_process_that_sees_one_gpu_uses_it(local_rank: int, visible: int, index: int):
    assert gpu_index(local_rank, visible) == index


def test_synchronized_batch_normalization_keeps_the_network(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed, "DistributedDataParallel", lambda model, **_: model)
    torch.manual_seed(0)
    model, x = AlexNet(width=0.0625, norm=True), torch.rand(2, 1, 224, 224)
    model(x)  # moves the statistics from where they begin
    before, expected = model.state_dict(), fuse_batchnorm(model)(x)
    assert ProcessGroup(1, 2).wrap(model) is model
    assert not any(isinstance(m, nn.SyncBatchNorm) for m in model.modules())
    ProcessGroup(1, 2).wrap(model, sync_batchnorm=True)
    assert sum(isinstance(m, nn.SyncBatchNorm) for m in model.modules()) == 5
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(after[name].data_ptr() == before[name].data_ptr() for name in before)
    fused = fuse_batchnorm(model)
    assert not fused.norm
    torch.testing.assert_close(fused(x), expected)


def test_synchronized_batch_normalization_needs_cuda_and_batch_normalization():
    with pytest.raises(ConfigError, match="needs CUDA GPUs: set --no-sync-batchnorm"):
        devices.check(TrainConfig(norm=True, sync_batchnorm=True, device="cpu"))
    with pytest.raises(ConfigError, match="needs batch normalization"):
        TrainConfig(sync_batchnorm=True)
