"""What a training is: its settings, their limits, the recipes; and where things lie.

Imports no torch, so that the web pages open fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import Any

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.settings.recipes import RECIPES


def channels(width: float) -> tuple[int, int, int, int, int]:
    """Channels of conv1, conv2, conv3 and conv4, conv5, and units of fc6 and fc7."""
    c1, c2, c3, c5, units = (max(1, round(n * width)) for n in (96, 256, 384, 256, 4096))
    return c1, c2, c3, c5, units


@dataclass(frozen=True)
class Limit:
    """The allowed range of a numeric setting, and what it is called on screen."""

    label: str
    low: float
    high: float

    def check(self, value: float) -> None:
        """Raise `ConfigError` unless ``low <= value <= high`` (NaN is refused too)."""
        if not self.low <= value <= self.high:
            raise ConfigError(
                f"{self.label} must be between {self.range.replace(' to ', ' and ')}, "
                f"not {value:,.10g}."
            )

    @property
    def range(self) -> str:
        """Such as ``1 to 4,096``."""
        return f"{self.low:,.10g} to {self.high:,.10g}"


LIMITS: Mapping[str, Limit] = {
    "epochs": Limit("Epochs", 1, 1000),
    "batch_size": Limit("Batch size", 1, 4096),
    "lr": Limit("Learning rate", 1e-6, 10.0),
    "momentum": Limit("Momentum", 0.0, 0.999),
    "weight_decay": Limit("Weight decay", 0.0, 1.0),
    "width": Limit("Width", 0.0625, 2.0),
    "train_samples": Limit("Training images", 1, TRAIN_SAMPLES),
    "test_samples": Limit("Test images", 1, TEST_SAMPLES),
    "seed": Limit("Seed", 0, 2**31 - 1),
    "checkpoint_minutes": Limit("Minutes between checkpoints", 0.0, 1440.0),
    "lr_scale": Limit("Learning-rate multiplier", 0.001, 1000.0),
    "warmup": Limit("Warm-up, as a share of all steps", 0.0, 0.9),
    "dropout": Limit("Dropout", 0.0, 0.9),
    "label_smoothing": Limit("Label smoothing", 0.0, 0.5),
    "shift": Limit("Shift in pixels", 0, 8),
    "erase": Limit("Probability of random erasing", 0.0, 1.0),
    "drawings": Limit("Share of line drawings", 0.0, 1.0),
    "photos": Limit("Share of photos", 0.0, 1.0),
    "validation": Limit("Validation images", 0, TEST_SAMPLES),
    "patience": Limit("Epochs without progress before stopping", 0, 1000),
    "keep_epochs": Limit("Epochs to keep", 0, 1000),
    "devices": Limit("Devices", 1, 64),
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "precision": ("auto", "fp32", "bf16", "fp16"),
    "memory_format": ("auto", "channels_last", "contiguous"),
    "schedule": ("constant", "linear"),
    "init": ("default", "kaiming"),
}
CHANGEABLE = (
    *("epochs", "lr_scale", "patience"),
    *("drawings", "photos"),
    *("devices", "checkpoint_minutes", "keep_epochs"),
)
"""Settings that a paused run may go on with changed."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training. The defaults are the article's recipe.

    Attributes:
        width: multiplies every layer's channels and units but the last.
        train_samples: the first so many images of the published order, which is already shuffled
            by class; those held back for validation come off the end.
        lr_scale: multiplies the schedule; for changing one's mind while a run is paused.
        schedule: ``constant``, or ``linear``: up from 0 over the first ``warmup`` of all steps,
            then down to 0.
        init: ``default`` is PyTorch's; ``kaiming`` see `AlexNet.initialize_he`.
        flip: mirror every second picture, at random.
        shift: move each picture by up to so many of its 28 pixels each way.
        erase: probability of hiding a random rectangle of a picture.
        drawings: share of each batch that is shown as line drawings, see `synthetic`.
        photos: share that is shown as snapshots.
        norm: batch normalisation behind the convolutions while training, see `AlexNet`.
        grow: train narrower networks first and widen them without changing what they compute,
            see `growth`: ``0.25:0.6,0.5:0.3`` takes a quarter of the width for 60 % of the steps,
            half of it for 30 %, and the whole for the rest.
        validation: training images held back, on which the epochs are tested instead of the test
            set; settings are chosen on them.
        patience: stop after so many epochs without a better test accuracy; 0 for never.
        keep_epochs: keep the weights of so many epochs, evenly spread, to look back at.
        devices: processes that share the training, one a GPU.

    Raises:
        ConfigError: when a value lies outside `LIMITS` or `CHOICES`, or ``grow`` cannot be read.
    """

    recipe: str = "article"
    epochs: int = 10
    batch_size: int = 128
    lr: float = 0.1
    lr_scale: float = 1.0
    schedule: str = "constant"
    warmup: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    dropout: float = 0.5
    label_smoothing: float = 0.0
    init: str = "default"
    flip: bool = False
    shift: int = 0
    erase: float = 0.0
    drawings: float = 0.0
    photos: float = 0.0
    norm: bool = False
    width: float = 1.0
    grow: str = ""
    train_samples: int = TRAIN_SAMPLES
    test_samples: int = TEST_SAMPLES
    validation: int = 0
    patience: int = 0
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    precision: str = "fp32"
    memory_format: str = "auto"
    checkpoint_minutes: float = 5.0
    keep_epochs: int = 10

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise ConfigError(f"Unknown recipe {self.recipe!r}: choose {', '.join(RECIPES)}.")
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise ConfigError(
                    f"Unknown {name.replace('_', ' ')} {value!r}: choose {', '.join(choices)}."
                )
        for name, limit in LIMITS.items():
            limit.check(getattr(self, name))
        if self.nesterov and not self.momentum:
            raise ConfigError("Nesterov's step needs a momentum above 0.")
        if self.devices > 1 and (":" in self.device or self.device == "mps"):
            raise ConfigError("Several processes need the device auto, cuda or cpu: one GPU each.")
        if self.drawings + self.photos > 1:
            raise ConfigError("Drawings and photos together can be at most all: a share of 1.")
        stages(self)

    @property
    def train_images(self) -> int:
        """Training images in an epoch."""
        return min(self.train_samples, TRAIN_SAMPLES - self.validation)

    @property
    def tested_on(self) -> str:
        """What each epoch is tested on: ``validation`` or ``test``."""
        return "validation" if self.validation else "test"

    @property
    def tested_images(self) -> int:
        """Images on which each epoch is tested."""
        return self.validation or self.test_samples

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller, as in the article's loop."""
        return -(-self.train_images // self.batch_size)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.epochs

    def keeps(self, epoch: int) -> bool:
        """Whether the weights at the end of this epoch, counted from 1, are kept; the last are."""
        share = min(self.keep_epochs / self.epochs, 1.0)
        return int(epoch * share + 1e-9) > int((epoch - 1) * share + 1e-9)

    @classmethod
    def from_recipe(cls, recipe: str, **overrides: Any) -> TrainConfig:
        """The recipe's settings with ``overrides`` (those that are None are left out)."""
        if recipe not in RECIPES:
            raise ConfigError(f"Unknown recipe {recipe!r}: choose {', '.join(RECIPES)}.")
        given = {name: value for name, value in overrides.items() if value is not None}
        return replace(cls(), recipe=recipe, **{**RECIPES[recipe].settings, **given})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrainConfig:
        """Read a config that `to_json` wrote, also an older one with fewer or other fields.

        Raises:
            ConfigError: when a value is of another kind than it should be, or out of range.
        """
        plain = cls()
        known = {f.name: getattr(plain, f.name) for f in fields(cls) if f.name in record}
        for name, usual in known.items():
            kinds = (int, float) if type(usual) is float else (type(usual),)
            if type(record[name]) not in kinds:
                raise ConfigError(f"The setting {name} must be of the kind of {usual!r}.")
        return cls(**{name: record[name] for name in known})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def command(self) -> list[str]:
        """Arguments of ``python -m alexnet_demo`` that repeat this training."""
        plain = TrainConfig.from_recipe(self.recipe)
        arguments = ["train", "--recipe", self.recipe]
        for f in fields(self):
            value, name = getattr(self, f.name), f.name.replace("_", "-")
            if value == getattr(plain, f.name):
                continue
            if isinstance(value, bool):
                arguments.append(f"--{name}" if value else f"--no-{name}")
            else:
                arguments += [f"--{name}", str(value)]
        return arguments


@dataclass(frozen=True)
class Stage:
    """A part of a training at one width: steps ``first`` up to but not ``end``."""

    width: float
    first: int
    end: int


def stages(config: TrainConfig) -> tuple[Stage, ...]:
    """The widths that a training goes through, the last one its own ``width``.

    Raises:
        ConfigError: when ``grow`` cannot be read, a width is no whole multiple of the one before,
            or no share is left for the whole width.
    """
    found: list[Stage] = []
    first, gone = 0, 0.0
    for part in filter(None, config.grow.split(",")):
        text, _, share = part.partition(":")
        try:
            width, gone = float(text), gone + float(share)
        except ValueError:
            raise ConfigError(
                "Growth must be written as width:share of the steps, such as 0.25:0.6,0.5:0.3, "
                f"not {config.grow!r}."
            ) from None
        if not (0 < width < 1 and float(share) > 0 and gone < 1):
            raise ConfigError("Growth needs widths between 0 and 1, and shares that leave a rest.")
        if width * config.width < LIMITS["width"].low:
            raise ConfigError(
                f"Growth would begin at width {width * config.width:g}, below the least of "
                f"{LIMITS['width'].low:g}: choose a greater width, or no growth."
            )
        end = round(gone * config.total_steps)
        found.append(Stage(width * config.width, first, end))
        first = end
    found.append(Stage(config.width, first, config.total_steps))
    for small, large in pairwise(found):
        factor = round(large.width / small.width)
        copies = tuple(factor * count for count in channels(small.width))
        if factor < 2 or channels(large.width) != copies:
            raise ConfigError(
                "Growth needs each width to be a whole multiple of the one before, in every layer."
            )
    return tuple(found)


def width_at(config: TrainConfig, step: int) -> float:
    """The width at which a step is taken, counted from 0; the final width when all are done."""
    found = stages(config)
    return next((stage.width for stage in found if step < stage.end), found[-1].width)


def lr_at(config: TrainConfig, step: int) -> float:
    """The learning rate of a step, counted from 0, as the schedule has it."""
    peak = config.lr * config.lr_scale
    if config.schedule == "constant":
        return peak
    total = config.total_steps
    rise = config.warmup * total
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * (total - step) / (total - rise)
