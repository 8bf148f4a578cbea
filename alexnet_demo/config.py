"""What a training is: its settings, their limits, the recipes; and where things lie.

Imports no torch, so that the web pages open fast.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("ALEXNET_DEMO_DATA", ROOT / "data")).absolute()
RUNS_DIR = Path(os.environ.get("ALEXNET_DEMO_RUNS", ROOT / "runs")).absolute()
WEIGHTS_DIR = Path(os.environ.get("ALEXNET_DEMO_WEIGHTS", ROOT / "weights")).absolute()
SHIPPED_WEIGHTS = "alexnet-fashion-mnist.safetensors"

IMAGE_SIZE = 224
TRAIN_SAMPLES, TEST_SAMPLES = 60_000, 10_000

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# Figures printed in the article "AlexNet: The Breakthrough CNN" (section 4).
ARTICLE_TEST_ACCURACY = (
    *(0.7637, 0.8285, 0.8776, 0.8809, 0.8864),
    *(0.8928, 0.8999, 0.9045, 0.9135, 0.9047),
)
ARTICLE_TEST_LOSS = (
    *(0.5943, 0.4608, 0.3330, 0.3193, 0.3089),
    *(0.2878, 0.2703, 0.2697, 0.2414, 0.2596),
)
# The article's total. Its FC#1 line says 27,140,096 where 256·5·5·4096 + 4096 = 26,218,496,
# so the network it prints really has 46,764,746 parameters.
ARTICLE_PRINTED_PARAMETERS = 47_686_346
PARAMETERS = 46_764_746


class ConfigError(ValueError):
    """A setting cannot be used; the message is one sentence that says how to mend it."""


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
}
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training. The defaults are the article's recipe.

    ``width`` multiplies every layer's channels and units but the last; ``train_samples`` takes
    the first so many images of the published order, which is already shuffled by class.

    Raises:
        ConfigError: when a value lies outside `LIMITS` or names an unknown recipe or precision.
    """

    recipe: str = "article"
    epochs: int = 10
    batch_size: int = 128
    lr: float = 0.1
    momentum: float = 0.0
    weight_decay: float = 0.0
    width: float = 1.0
    train_samples: int = TRAIN_SAMPLES
    test_samples: int = TEST_SAMPLES
    seed: int = 0
    device: str = "auto"
    precision: str = "fp32"
    checkpoint_minutes: float = 5.0

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise ConfigError(f"Unknown recipe {self.recipe!r}: choose {', '.join(RECIPES)}.")
        if self.precision not in PRECISIONS:
            raise ConfigError(
                f"Unknown precision {self.precision!r}: choose {', '.join(PRECISIONS)}."
            )
        for name, limit in LIMITS.items():
            limit.check(getattr(self, name))

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller, as in the article's loop."""
        return -(-self.train_samples // self.batch_size)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.epochs

    @classmethod
    def from_recipe(cls, recipe: str, **overrides: Any) -> TrainConfig:
        """The recipe's settings with ``overrides`` (those that are None are left out)."""
        if recipe not in RECIPES:
            raise ConfigError(f"Unknown recipe {recipe!r}: choose {', '.join(RECIPES)}.")
        given = {name: value for name, value in overrides.items() if value is not None}
        return replace(cls(), recipe=recipe, **{**RECIPES[recipe].settings, **given})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrainConfig:
        """Read a config that `to_json` wrote, also an older one with fewer or other fields."""
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def command(self) -> list[str]:
        """Arguments of ``python -m alexnet_demo`` that repeat this training."""
        plain = TrainConfig.from_recipe(self.recipe)
        arguments = ["train", "--recipe", self.recipe]
        for f in fields(self):
            value = getattr(self, f.name)
            if value != getattr(plain, f.name):
                arguments += [f"--{f.name.replace('_', '-')}", str(value)]
        return arguments


@dataclass(frozen=True)
class Recipe:
    """A named set of settings, with a sentence for the reader who chooses."""

    title: str
    summary: str
    settings: Mapping[str, Any] = field(default_factory=dict)


RECIPES: Mapping[str, Recipe] = {
    "article": Recipe(
        "Article",
        "The article's loop as published: plain SGD, learning rate 0.1, batch 128, 10 epochs, in "
        "float32. Its author reached 90.47 % on a GPU.",
    ),
    "quick": Recipe(
        "Quick look",
        "A narrow AlexNet on a third of the images: about two minutes on two CPU cores.",
        {
            "epochs": 4,
            "batch_size": 32,
            "lr": 0.02,
            "momentum": 0.9,
            "width": 0.125,
            "train_samples": 20_480,
            "test_samples": 2_000,
            "precision": "auto",
        },
    ),
}
