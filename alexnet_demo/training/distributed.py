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


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those that train together.

    Attributes:
        rank: from 0; rank 0 decides, and writes events and checkpoints.
        size: number of processes.
        local_rank: rank among those on this machine, and the index of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged over all processes in each backward pass."""
        if self.size == 1:
            return model
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

    def broadcast(self, value: int) -> int:
        """Rank 0's value; sent through the CPU, so that nothing waits for the GPU."""
        if self.size == 1:
            return value
        tensor = torch.tensor(value)
        distributed.broadcast(tensor, 0)
        return int(tensor)

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
        yield ProcessGroup(distributed.get_rank(), size, int(os.environ["LOCAL_RANK"]))
        distributed.barrier()  # torchrun would end those that still write once one has left
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
