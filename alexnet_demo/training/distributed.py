"""The processes that share one training: one a GPU, or one alone.

Each takes its share of every batch, gradients are averaged by DistributedDataParallel, sums are
reduced, and what the first process decides holds for all. ``torchrun`` starts them and tells each
who it is through the environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from alexnet_demo.common.signals import signal_handlers

PROCESS_LOST = (
    "One of the {size} processes of this training ended from outside or ran out of memory: resume "
    "goes on from the last checkpoint."
)
COLLECTIVE_TIMEOUT = timedelta(minutes=10)
"""How long to wait for the others: a test after an epoch, or a slow disk, takes its time."""


class ProcessGroup:
    """This process's place among those that train together.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
        local_rank: its number among those on its machine, which is that of its GPU.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0) -> None:
        self.rank, self.size, self.local_rank = rank, size, local_rank

    @property
    def is_main(self) -> bool:
        """Whether this process decides, writes events and checkpoints."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged over the team after each backward pass."""
        if self.size == 1:
            return model
        return DistributedDataParallel(model, gradient_as_bucket_view=True)

    def shard(self, count: int) -> tuple[slice, float]:
        """This process's part of a batch of ``count``, and the weight of its mean loss.

        Every so many samples, since a batch has its drawings first: so all kinds of pictures are
        in each part, and its normalisations see them. The average of the weighted mean losses over
        the team is the mean loss of the batch. Every process must take part in it: one for which
        nothing is left gets a sample of weight 0.
        """
        own = len(range(self.rank, count, self.size))
        part = slice(self.rank, None, self.size) if own else slice(0, 1)
        return part, own * self.size / count

    def all_reduce(self, values: Tensor) -> Tensor:
        """The sum over the team of a tensor on the training's device, which it overwrites."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values

    def broadcast(self, value: int) -> int:
        """What the first process says; it costs no wait for the device."""
        if self.size == 1:
            return value
        told = torch.tensor(value)
        distributed.broadcast(told, 0)
        return int(told)

    def lost(self, error: Exception) -> bool:
        """Whether an error says that another process is there no more."""
        return self.size > 1 and (
            isinstance(error, distributed.DistError) or "gloo" in str(error).lower()
        )

    def broadcast_object(self, text: str) -> str:
        """The first process's text."""
        if self.size == 1:
            return text
        told = [text]
        distributed.broadcast_object_list(told, 0)
        return told[0]


@contextmanager
def init_distributed() -> Iterator[ProcessGroup]:
    """The team that ``torchrun`` started this process in; a team of one without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ProcessGroup()
        return
    local_rank = int(os.environ["LOCAL_RANK"])
    # Gloo for `agree`, which then need not wait for the GPU.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, timeout=COLLECTIVE_TIMEOUT)
    try:
        yield ProcessGroup(distributed.get_rank(), size, local_rank)
        distributed.barrier()  # one that left early would end those that still write
    finally:
        distributed.destroy_process_group()


def launch(arguments: list[str], size: int) -> int:
    """Run ``python -m alexnet_demo`` with these arguments in ``size`` processes by ``torchrun``.

    Ctrl+C and a polite kill reach them through it.

    Returns:
        torchrun's exit status: 0 when all of them ended well.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(size), "-m", "alexnet_demo", *arguments]
    threads = max(1, (os.cpu_count() or 1) // size)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    environment["ALEXNET_DEMO_LAUNCHER"] = str(os.getpid())
    process = subprocess.Popen(command, env=environment)
    with signal_handlers(lambda *_: process.terminate(), signal.SIGINT, signal.SIGTERM):
        return process.wait()
