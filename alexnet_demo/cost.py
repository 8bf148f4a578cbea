"""What a training will cost, from a measured speed: arithmetic only, no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from alexnet_demo.config import TRAIN_SAMPLES, TrainConfig


@dataclass(frozen=True)
class Speed:
    """How fast and how big one network is on one device, as `device.measure` found.

    Times in seconds, sizes in bytes. ``seconds_per_update`` is the optimiser's, once a batch.
    """

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


def estimate(settings: TrainConfig, speed: Speed) -> Estimate:
    """Cost of ``settings`` at ``speed``, which must have been measured at the same width."""
    training = (
        settings.train_samples * speed.seconds_per_image
        + settings.steps_per_epoch * speed.seconds_per_update
    )
    epoch = training + settings.test_samples * speed.test_seconds_per_image
    batch = min(settings.batch_size, settings.train_samples)
    memory = (
        speed.base_bytes
        + speed.parameter_bytes
        # The backward pass holds gradients of the layer at work beside what forward kept.
        + int(1.5 * batch * speed.activation_bytes_per_image)
    )
    return Estimate(
        seconds_per_epoch=epoch,
        total_seconds=epoch * settings.epochs,
        memory_bytes=memory,
        images_per_s=settings.train_samples / training,
    )


def fit(settings: TrainConfig, speed: Speed, seconds: float) -> TrainConfig:
    """The same training on as many images as it can see in ``seconds``, in steps of 1,024.

    At least 2,048 images: with fewer, this network does not leave its first plateau.
    """
    whole = estimate(settings, speed)
    testing = settings.test_samples * speed.test_seconds_per_image
    per_image = (whole.seconds_per_epoch - testing) / settings.train_samples
    wanted = (seconds / settings.epochs - testing) / per_image
    samples = round(wanted / 1024) * 1024
    return replace(settings, train_samples=min(max(samples, 2048), TRAIN_SAMPLES))
