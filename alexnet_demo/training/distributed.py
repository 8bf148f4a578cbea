"""The processes that train one model together: one per GPU, or just one.

Each trains on its shard of every batch. DistributedDataParallel averages the gradients, metrics are
all-reduced, and rank 0's decisions are broadcast. ``torchrun`` starts the processes and passes
their ranks through the environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.signals import signal_handlers

T = TypeVar("T")

PROCESS_LOST = (
    "One of the {size} processes of this run was killed or ran out of memory: resume from the last "
    "checkpoint."
)
COLLECTIVE_TIMEOUT = timedelta(minutes=10)
"""Long enough for rank 0 to write a checkpoint to a slow disk while the others wait."""
EXIT_SECONDS = 0.2
"""Gloo's threads may still release the last tensors, and abort if Python finalizes meanwhile."""
AGREE_SECONDS = 0.1
"""About how often rank 0's decisions are broadcast: too short a delay to notice."""


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those that train together.

    Attributes:
        rank: from 0; rank 0 decides, and writes events and checkpoints.
        size: number of processes.
        gpu: index of its GPU among those that it sees.
    """

    rank: int = 0
    size: int = 1
    gpu: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def wrap(self, model: nn.Module, sync_batchnorm: bool = False) -> nn.Module:
        """The model with gradients averaged over all processes in each backward pass.

        Args:
            sync_batchnorm: normalize over the batch of all processes, on CUDA; replaces the layers
                in ``model`` by others with the same parameters and names.
        """
        if self.size == 1:
            return model
        if sync_batchnorm:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return DistributedDataParallel(model, gradient_as_bucket_view=True)

    def shard(self, count: int) -> tuple[slice, float]:
        """This process's shard of a batch of ``count`` samples, and the weight of its mean loss.

        Strided, because drawings come first in a batch: each shard, and so each batch
        normalization, gets all kinds of images. The weighted mean losses average to the mean loss
        of the batch. All processes must take part in a step, so one without samples of its own
        gets one with weight 0.
        """
        own = len(range(self.rank, count, self.size))
        part = slice(self.rank, None, self.size) if own else slice(0, 1)
        return part, own * self.size / count

    def all_reduce(self, values: Tensor) -> Tensor:
        """Sum a tensor over all processes, in place; it must be on the run's device."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def broadcast(self, *values: int) -> list[int]:
        """Rank 0's values; sent through the CPU, so that nothing waits for the GPU."""
        tensor = torch.tensor(values)
        if self.size > 1:
            distributed.broadcast(tensor, 0)
        return tensor.tolist()

    def broadcast_object(self, value: Any) -> Any:
        """Rank 0's value, of any type that can be pickled."""
        if self.size == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, 0)
        return values[0]

    def load(self, read: Callable[[Path], T], path: Path) -> T:
        """What ``read`` makes of a file in this process, once it has succeeded in all of them.

        Raises:
            CheckpointError: in all processes if in any, lest the others wait for that one forever.
        """
        failure, result = None, None
        try:
            result = read(path)
        except CheckpointError as error:
            failure = error
        if self.size > 1:
            failures = torch.tensor(int(failure is not None))
            distributed.all_reduce(failures)
            if failures and failure is None:
                failure = CheckpointError(f"Another process of this run cannot read {path.name}.")
        if failure:
            raise failure
        return cast(T, result)

    def is_peer_failure(self, error: Exception) -> bool:
        """Whether an error means that another process is gone."""
        return self.size > 1 and (
            isinstance(error, distributed.DistError) or "gloo" in str(error).lower()
        )


class Agreement:
    """Lets all processes act on rank 0's decisions after the same steps.

    With each decision, rank 0 broadcasts after how many steps the next one comes: those of about
    `AGREE_SECONDS`, since a broadcast after each step would make short steps longer. A single
    process decides after each step.
    """

    def __init__(self, group: ProcessGroup) -> None:
        self._group = group
        self._steps, self._interval, self._since = 0, 1, time.monotonic()

    def after_step(self, decide: Callable[[], int], due: bool = False) -> int:
        """Rank 0's decision after this step, or 0 if there is none.

        Args:
            decide: makes the decision, in each process; rank 0's counts.
            due: whether there is one after this step in any case; the same in all processes.
        """
        if self._group.size == 1:
            return decide()
        self._steps += 1
        if self._steps < self._interval and not due:
            return 0
        now = time.monotonic()
        step_seconds = (now - self._since) / self._steps
        interval = max(1, int(AGREE_SECONDS / max(step_seconds, 1e-6)))
        decision, self._interval = self._group.broadcast(decide(), interval)
        self._steps, self._since = 0, now
        return decision


def gpu_index(local_rank: int, visible: int) -> int:
    """Which of the ``visible`` GPUs a process uses: 0 where it sees only its own, as Slurm does."""
    return 0 if visible == 1 else local_rank


@contextmanager
def init_distributed() -> Iterator[ProcessGroup]:
    """Join the group that ``torchrun`` started this process in; a group of one without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup()
        return
    # Gloo for `broadcast`, which then need not wait for the GPU.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=COLLECTIVE_TIMEOUT)
    try:
        gpu = gpu_index(int(os.environ["LOCAL_RANK"]), torch.cuda.device_count())
        yield ProcessGroup(distributed.get_rank(), size, gpu)
        distributed.barrier()  # torchrun would end those that still write once one has left
        time.sleep(EXIT_SECONDS)
    finally:
        distributed.destroy_process_group()


def launch(arguments: list[str], size: int) -> int:
    """Run ``python -m alexnet_demo`` with these arguments in ``size`` processes by ``torchrun``.

    SIGINT and SIGTERM are passed on to them.

    Returns:
        torchrun's exit status: 0 when all processes succeeded.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(size), "-m", "alexnet_demo", *arguments]
    threads = max(1, (os.cpu_count() or 1) // size)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    environment["ALEXNET_DEMO_LAUNCHER"] = str(os.getpid())
    process = subprocess.Popen(command, env=environment)
    with signal_handlers(lambda *_: process.terminate(), signal.SIGINT, signal.SIGTERM):
        return process.wait()
