"""What a training will cost, from a measured speed: arithmetic only, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alexnet_demo.settings.article import TRAIN_SAMPLES
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import Stage, stages


@dataclass(frozen=True)
class Speed:
    """How fast and how big a network of one width is on one device, as `device.measure` found.

    Times in seconds, sizes in bytes. ``seconds_per_update`` is the optimiser's, once a batch.
    """

    width: float
    device: str
    device_name: str
    precision: str
    seconds_per_image: float
    seconds_per_update: float
    test_seconds_per_image: float
    parameter_bytes: int
    activation_bytes_per_image: int
    base_bytes: int


@dataclass(frozen=True)
class Estimate:
    """What a training is expected to take."""

    seconds_per_epoch: float
    total_seconds: float
    memory_bytes: int
    images_per_s: float


def estimate(settings: TrainConfig, speeds: Sequence[Speed]) -> Estimate:
    """Cost of ``settings`` at ``speeds``, measured at each width that the training goes through."""
    at_width = {speed.width: speed for speed in speeds}
    batch = min(settings.batch_size, settings.train_images)
    training = testing = 0.0
    memory = 0
    for stage in stages(settings):
        speed = at_width[stage.width]
        steps = stage.end - stage.first
        training += steps * (batch * speed.seconds_per_image + speed.seconds_per_update)
        testing += _tests(settings, stage) * settings.eval_images * speed.test_seconds_per_image
        memory = max(
            memory,
            speed.base_bytes
            + speed.parameter_bytes
            # The backward pass holds gradients of the layer at work beside what forward kept.
            + int(1.5 * batch * speed.activation_bytes_per_image),
        )
    total = training + testing
    return Estimate(
        seconds_per_epoch=total / settings.epochs,
        total_seconds=total,
        memory_bytes=memory,
        images_per_s=settings.train_images * settings.epochs / training,
    )


def _tests(settings: TrainConfig, stage: Stage) -> int:
    """Evaluations at the stage's width: one after each epoch that ends in it."""
    return stage.end // settings.steps_per_epoch - stage.first // settings.steps_per_epoch


def fit(settings: TrainConfig, speeds: Sequence[Speed], seconds: float) -> TrainConfig:
    """The same training on as many images as it can see in ``seconds``, in steps of 1,024.

    At least 2,048 images: with fewer, this network does not leave its first plateau.
    """
    whole = estimate(settings, speeds)
    training = settings.train_images * settings.epochs / whole.images_per_s
    testing = whole.total_seconds - training
    wanted = settings.train_images * (seconds - testing) / training
    samples = round(wanted / 1024) * 1024
    return replace(settings, train_samples=min(max(samples, 2048), TRAIN_SAMPLES))
