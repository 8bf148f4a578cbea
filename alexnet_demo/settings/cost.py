"""Estimated time, memory, and disk space of a run, computed from measured speeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from alexnet_demo.settings.article import TRAIN_SAMPLES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import stages, width_at

BUSY = 0.25
"""Share of a machine's processors that others use, from which it counts as busy."""


@dataclass(frozen=True)
class Speed:
    """Measured speed and size of a network of one width on one device, see `probe.measure`.

    Times are in seconds, sizes in bytes. ``seconds_per_update`` is the optimizer's, per batch.
    """

    width: float
    device: str
    device_name: str
    precision: str
    seconds_per_image: float
    seconds_per_update: float
    test_seconds_per_image: float
    parameters: int
    parameter_bytes: int
    activation_bytes_per_image: int
    base_bytes: int
    tf32: bool = False


def measured_settings(settings: TrainConfig) -> tuple[object, ...]:
    """What a run's `Speed` depends on: two runs with the same are measured once.

    Shares count in tenths, so that not each value that is typed takes a measurement.
    """
    s = settings
    widths = tuple(dict.fromkeys(stage.width for stage in stages(s)))
    shares = (
        (share > 0, round(share, 1)) for share in (s.drawings, s.photos, s.generated, s.others)
    )
    images = (s.flip, s.shift > 0, s.erase > 0, *shares)
    optimizer = (s.momentum > 0, s.nesterov, s.weight_decay > 0)
    execution = (s.device, s.precision, s.memory_format, min(s.batch_size, 1024))
    return (widths, s.norm, s.activation, s.dropout > 0, *images, *optimizer, *execution)


@dataclass(frozen=True)
class Estimate:
    """Expected time, memory, and disk space of a run."""

    seconds_per_epoch: float
    total_seconds: float
    memory_bytes: int
    disk_bytes: int
    images_per_s: float


def estimate(settings: TrainConfig, speeds: Sequence[Speed]) -> Estimate:
    """Estimate a run from the speeds at each width that it trains at."""
    at_width = {speed.width: speed for speed in speeds}
    batch = min(settings.batch_size, settings.train_images)
    training = testing = 0.0
    memory = 0
    for stage in stages(settings):
        speed = at_width[stage.width]
        steps = stage.end - stage.first
        training += steps * (batch * speed.seconds_per_image + speed.seconds_per_update)
        # One evaluation after each epoch that ends in the stage.
        epochs = stage.end // settings.steps_per_epoch - stage.first // settings.steps_per_epoch
        testing += epochs * settings.eval_images * speed.test_seconds_per_image
        memory = max(
            memory,
            speed.base_bytes
            + speed.parameter_bytes
            # The backward pass holds one layer's gradients in addition to all activations.
            + int(1.5 * batch * speed.activation_bytes_per_image),
        )
    if settings.validation:  # the best weights, at full width, on the test set
        testing += settings.test_samples * at_width[settings.width].test_seconds_per_image
    total = training + testing
    return Estimate(
        seconds_per_epoch=total / settings.epochs,
        total_seconds=total,
        memory_bytes=memory,
        disk_bytes=_disk_bytes(settings, at_width),
        images_per_s=settings.train_images * settings.epochs / training,
    )


def _disk_bytes(settings: TrainConfig, at_width: Mapping[float, Speed]) -> int:
    """Size of a finished run's checkpoints."""
    full = 4 * at_width[settings.width].parameters
    state = full * (2 if settings.momentum else 1)
    kept = [
        at_width[width_at(settings, epoch * settings.steps_per_epoch - 1)].parameters
        for epoch in range(1, settings.epochs + 1)
        if settings.keeps_weights(epoch)
    ]
    # The best weights, two training states, and some epochs' weights in 8 bits.
    return full + 2 * state + sum(kept)


def fit(settings: TrainConfig, speeds: Sequence[Speed], seconds: float) -> TrainConfig:
    """The same run on as many images as fit in ``seconds``, in steps of 1,024.

    At least 2,048 images: with fewer, the loss of this network stays on its first plateau.
    """
    whole = estimate(settings, speeds)
    training = settings.train_images * settings.epochs / whole.images_per_s
    testing = whole.total_seconds - training
    affordable = settings.train_images * (seconds - testing) / training
    samples = round(affordable / 1024) * 1024
    return replace(settings, train_samples=min(max(samples, 2048), TRAIN_SAMPLES))
