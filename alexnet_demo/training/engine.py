"""The network on its device and the step that trains it; knows no files and no events.

All randomness in a step comes from the seed and the step's number. So a run resumes exactly from
any checkpoint, and gives the same result on any number of processes, except for dropout and for
batch normalization, which each process applies to its own shard of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.data.augment import augment, order_by_drawability
from alexnet_demo.data.banks import banks_for
from alexnet_demo.data.splits import Split, derive_seed
from alexnet_demo.data.synthetic import ALL
from alexnet_demo.network import device as devices
from alexnet_demo.network import timing
from alexnet_demo.network.alexnet import AlexNet, unfuse_batchnorm
from alexnet_demo.network.device import autocast
from alexnet_demo.network.input import to_input
from alexnet_demo.network.net2net import widen
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import width_at
from alexnet_demo.training.compilation import choose_compilation, compile_model
from alexnet_demo.training.distributed import ProcessGroup

OTHERS_WEIGHT = 0.5
CALIBRATION_IMAGES = 512
"""Images whose activations decide the batch normalization of a network to be trained further."""


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

    Inputs without a label show other things than clothing. About these the network learns to be
    undecided: their target is the same probability for every class, which makes what it has never
    seen easier to tell from clothing (Hendrycks et al., "Deep Anomaly Detection with Outlier
    Exposure", 2019, with the paper's weight of 0.5).

    The host does not wait for the device, except for fp16's overflow check.

    Args:
        x: network inputs (B + others, 1, 224, 224).
        y: labels (B,) of the first ones.
        weight: of this loss among the processes that share the batch, see `ProcessGroup.shard`.

    Returns:
        The mean loss of what has a label, a scalar, and its logits (B, 10), both detached and on
        the device.
    """
    optimizer.zero_grad()
    with autocast(x.device, precision):
        logits = model(x)
    logits, others = logits.float().tensor_split([len(y)])
    loss = total = cross_entropy(logits, y, label_smoothing=label_smoothing)
    if len(others):
        total = loss - OTHERS_WEIGHT * others.log_softmax(1).mean()
    scaler.scale(total * weight).backward()
    scaler.step(optimizer)
    scaler.update()
    return loss.detach(), logits.detach()


@dataclass(frozen=True)
class BatchResult:
    """Results of a batch, detached and still on the device.

    Attributes:
        loss: sum over this process's samples.
        correct: correct predictions among them.
        count: samples in the whole batch, over all processes.
    """

    loss: Tensor
    correct: Tensor
    count: int


class Engine:
    """A network and its optimizer, on a device, in a precision and memory format."""

    def __init__(
        self,
        config: TrainConfig,
        group: ProcessGroup | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.config, self.group = config, group or ProcessGroup()
        self.device = device or devices.resolve(config.device, self.group.gpu)
        devices.prepare(self.device)
        # Rank 0 measures for all: processes that chose differently could not train together.
        choice = ("", "", "")
        if self.group.is_main:
            precision = timing.choose_precision(config.precision, self.device)
            choice = (
                precision,
                timing.choose_memory_format(config.memory_format, self.device, precision),
                choose_compilation(config, self.device),
            )
        *execution, self.compilation = self.group.broadcast_object(choice)
        self.set_execution(*execution)
        torch.manual_seed(derive_seed("start", config.seed))
        model = AlexNet(width=width_at(config, 0), norm=config.norm, activation=config.activation)
        if config.init == "kaiming":
            model.initialize_he()
        self.set_model(model)

    def set_execution(self, precision: str, memory_format: str) -> None:
        """Train in this precision, and the next `set_model` in this memory format."""
        self.precision, self.memory_format = precision, memory_format
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=precision == "fp16")

    def set_model(self, model: AlexNet) -> None:
        """Train this network from now on, with a new optimizer."""
        config = self.config
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = config.dropout
        model.to(self.device).to(memory_format=timing.MEMORY_FORMATS[self.memory_format])
        parallel = self.group.wrap(model, config.sync_batchnorm)
        self.model, self._parallel = model, compile_model(parallel, self.compilation)
        self.optimizer = torch.optim.SGD(
            model.parameters(),
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            nesterov=config.nesterov,
        )

    def begin_with(self, model: AlexNet, data: Split) -> None:
        """Train this network from now on, widened to the width of the first step.

        Args:
            data: images to train on; some of them show how to add batch normalization.

        Raises:
            CheckpointError: when it is wider, or narrower by no whole factor, or has another
                activation, or is to be widened without ReLU, which `net2net.widen` relies on.
        """
        width, activation = self.model.width, self.model.activation
        if model.activation != activation or (width > model.width and activation != "relu"):
            raise CheckpointError(
                f"The weights to start from have the activation {model.activation} and width "
                f"{model.width:g}. Start a run with the same activation, and, unless it is relu, "
                "at the same width."
            )
        if width % model.width:
            raise CheckpointError(
                f"The weights to start from have width {model.width:g}. Start a run at this width "
                f"or a whole multiple, not {width:g}."
            )
        model.to(self.device)
        if self.config.norm:
            indices = torch.arange(min(len(data), CALIBRATION_IMAGES), device=self.device)
            images, _ = self._images(data, indices, 0)
            model = unfuse_batchnorm(model, torch.cat([to_input(group) for group in images]))
        self.set_model(model.train())
        if width > model.width:
            self.grow(width, 0)

    def step(self, data: Split, indices: Tensor, number: int, lr: float) -> BatchResult:
        """Train on the samples at ``indices`` (B,), as step ``number`` of the run."""
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = lr
        part, weight = self.group.shard(len(indices))
        images, labels = self._images(data, indices, number, part)
        y, own = labels[part], slice(len(labels[part]))
        if banks := banks_for(self.config, self.device):
            generator = torch.Generator(self.device).manual_seed(self._seed("banks", number))
            more = banks.pick(self.config, len(indices), generator, part)
            images += [bank.images for bank in (*more.clothing, *more.others)]
            y = torch.cat([y, *(bank.labels for bank in more.clothing)])
        x = torch.cat([to_input(group) for group in images])
        torch.manual_seed(self._seed(f"dropout {self.group.rank}", number))
        self._parallel.train()
        loss, logits = train_step(
            self._parallel,
            self.optimizer,
            self.scaler,
            x,
            y,
            precision=self.precision,
            label_smoothing=self.config.label_smoothing,
            weight=weight,
        )
        return self._result(loss, logits[own], y[own], weight, len(indices))

    def _images(
        self, data: Split, indices: Tensor, number: int, part: slice = ALL
    ) -> tuple[list[Tensor], Tensor]:
        """The batch of step ``number`` as `augment` returns it, and the labels of all of it.

        Every process draws the random numbers of the whole batch, so that their number makes no
        difference, but makes the images of its own shard only.
        """
        generator = torch.Generator(self.device).manual_seed(self._seed("pictures", number))
        order = order_by_drawability(data.labels[indices], self.config.drawings, generator)
        indices = indices[order]
        labels = data.labels[indices]
        return augment(data.images[indices], labels, self.config, generator, part), labels

    @torch.no_grad()
    def test(self, data: Split, batch: slice) -> tuple[BatchResult, Tensor]:
        """Evaluate the network on a batch, without dropout.

        Returns:
            The batch's result, and this process's confusion matrix, float (10, 10): counts by true
            class (rows) and predicted class (columns).
        """
        images, labels = data.images[batch], data.labels[batch]
        part, weight = self.group.shard(len(labels))
        y = labels[part]
        self.model.eval()
        with autocast(self.device, self.precision):
            logits = self.model(to_input(images[part])).float()
        result = self._result(cross_entropy(logits, y), logits, y, weight, len(labels))
        # Not `bincount`, for whose length the host waits. float32 is exact for whole numbers up to
        # 16 million, and MPS has no float64.
        size = logits.shape[1]
        counted = torch.full_like(y, weight > 0, dtype=torch.float)
        confusion = counted.new_zeros(size**2).scatter_add_(0, y * size + logits.argmax(1), counted)
        return result, confusion.view(size, size)

    def _result(
        self, loss: Tensor, logits: Tensor, labels: Tensor, weight: float, count: int
    ) -> BatchResult:
        correct = (logits.argmax(1) == labels).sum()
        return BatchResult(loss * (weight * count / self.group.size), correct * (weight > 0), count)

    @torch.no_grad()
    def sync_buffers(self) -> None:
        """Average batch normalization's statistics, so that all processes test the same network.

        In training each process updates its own.
        """
        if self.group.size > 1:
            for buffer in self.model.buffers():
                if buffer.is_floating_point():
                    self.group.all_reduce(buffer).div_(self.group.size)

    def grow(self, width: float, number: int) -> None:
        """Continue at this width from step ``number`` on, with nearly the same function."""
        generator = torch.Generator().manual_seed(self._seed("growth", number))
        self.set_model(widen(self.model, round(width / self.model.width), generator))

    def _seed(self, purpose: str, number: int) -> int:
        """A seed for one step; another ``purpose`` string would change the results of all runs."""
        return derive_seed(f"{purpose} {number}", self.config.seed)
