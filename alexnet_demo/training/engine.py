"""The network on its device, and the step that trains it: no files, no events, no clock.

What is random in a step comes from the seed and the step's number, so that a training goes on from
any checkpoint as if nothing had happened, and on any number of processes alike but for dropout and
for batch normalisation, which takes each process's share of a batch for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from alexnet_demo.data.augment import augment, order_by_drawability
from alexnet_demo.data.splits import Split, derive_seed
from alexnet_demo.network import device as devices
from alexnet_demo.network import timing
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.device import autocast
from alexnet_demo.network.input import to_input
from alexnet_demo.network.net2net import widen
from alexnet_demo.settings.config import TrainConfig, width_at
from alexnet_demo.training.distributed import ProcessGroup


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    x: Tensor,
    y: Tensor,
    precision: str = "fp32",
    label_smoothing: float = 0.0,
    weight: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """One step of the article's loop.

    Nothing in it makes the host wait for the device, but fp16's check for overflow.

    Args:
        x: pictures (B, 1, 224, 224).
        y: labels (B,).
        weight: of this loss among the processes that share the batch, see `Team.share`.

    Returns:
        The mean loss, a scalar, and the logits (B, 10), both detached and on the device.
    """
    optimizer.zero_grad()
    with autocast(x.device, precision):
        logits = model(x)
    loss = cross_entropy(logits.float(), y, label_smoothing=label_smoothing)
    scaler.scale(loss * weight).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss.detach(), logits.detach()


@dataclass(frozen=True)
class BatchResult:
    """What a batch gave: detached, on the device, not waited for.

    Attributes:
        loss: sum over this process's samples.
        hits: how many of them were recognised.
        count: samples in the whole batch, over all processes.
    """

    loss: Tensor
    correct: Tensor
    count: int


class Engine:
    """A network, its optimiser, and where and in which precision they run."""

    def __init__(self, config: TrainConfig, group: ProcessGroup | None = None) -> None:
        self.config, self.group = config, group or ProcessGroup()
        self.device = devices.resolve(config.device, self.group.local_rank)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)  # where the team's messages go through
        # Measured by one for all: a choice that differed between processes would break them.
        chosen = self._choose() if self.group.is_main else ("", "")
        self.precision, self.memory_format = self.group.broadcast_object(" ".join(chosen)).split(
            " "
        )
        torch.manual_seed(derive_seed("start", config.seed))
        model = AlexNet(width=width_at(config, 0), norm=config.norm)
        if config.init == "kaiming":
            model.initialize_he()
        self.set_model(model)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")

    def _choose(self) -> tuple[str, str]:
        """Precision and memory format, measured where the settings leave them open."""
        precision = timing.choose_precision(self.config.precision, self.device)
        return precision, timing.choose_memory_format(
            self.config.memory_format, self.device, precision
        )

    def set_model(self, model: AlexNet) -> None:
        """Train this network from now on, with a fresh optimiser."""
        config = self.config
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = config.dropout
        model.to(self.device).to(memory_format=timing.MEMORY_FORMATS[self.memory_format])
        self.model, self._parallel = model, self.group.wrap(model)
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            nesterov=config.nesterov,
        )

    def step(self, data: Split, chosen: Tensor, number: int, lr: float) -> BatchResult:
        """Train on the samples of these numbers (B,), as the training's step ``number``."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        # Every process changes the whole batch alike, so that their number changes nothing.
        generator = torch.Generator(self.device).manual_seed(self._seed("pictures", number))
        chosen = chosen[order_by_drawability(data.labels[chosen], self.config.drawings, generator)]
        labels = data.labels[chosen]
        parts = augment(data.images[chosen], labels, self.config, generator)
        part, weight = self.group.shard(len(chosen))
        x, y = torch.cat([to_input(images) for images in parts])[part], labels[part]
        torch.manual_seed(self._seed(f"dropout {self.group.rank}", number))
        self._parallel.train()
        loss, logits = train_step(
            *(self._parallel, self.optimizer, self.scaler, x, y, self.precision),
            *(self.config.label_smoothing, weight),
        )
        return self._result(loss, logits, y, weight, len(chosen))

    @torch.no_grad()
    def test(self, data: Split, chosen: slice) -> tuple[BatchResult, Tensor]:
        """What the network says of a batch of pictures, without dropout.

        Returns:
            Loss and hits, and this process's confusion matrix, float (10, 10): how many of each
            true class, a row, were taken for each class.
        """
        images, labels = data.images[chosen], data.labels[chosen]
        part, weight = self.group.shard(len(labels))
        y = labels[part]
        self.model.eval()
        with autocast(self.device, self.precision):
            logits = self.model(to_input(images[part])).float()
        result = self._result(cross_entropy(logits, y), logits, y, weight, len(labels))
        size = logits.shape[1]
        confusion = torch.bincount(y * size + logits.argmax(1), minlength=size**2)
        # Whole numbers, which float32 holds exactly up to 16 million; MPS has no float64.
        return result, confusion.view(size, size).float() * (weight > 0)

    @torch.no_grad()
    def sync_buffers(self) -> None:
        """Let all processes test and save the same network.

        In training each normalises by its own share of a batch, and goes on from what the first
        one has seen so far; here the mean of all takes its place.
        """
        if self.group.size > 1:
            for seen in self.model.buffers():
                if seen.is_floating_point():
                    self.group.all_reduce(seen).div_(self.group.size)

    def _result(
        self, loss: Tensor, logits: Tensor, labels: Tensor, weight: float, count: int
    ) -> BatchResult:
        correct = (logits.argmax(1) == labels).sum()
        return BatchResult(loss * (weight * count / self.group.size), correct * (weight > 0), count)

    def grow(self, width: float, number: int) -> None:
        """Go on at this width with what was learned so far, from step ``number`` on."""
        generator = torch.Generator().manual_seed(self._seed("growth", number))
        self.set_model(widen(self.model, round(width / self.model.width), generator))

    def _seed(self, purpose: str, number: int) -> int:
        return derive_seed(f"{purpose} {number}", self.config.seed)
