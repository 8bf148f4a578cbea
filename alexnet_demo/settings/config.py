"""The settings of a run, described once: the form, the options, and validation derive from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
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
class Setting:
    """What a setting is called, what it means, and which values it takes.

    Attributes:
        default: its type is the setting's type.
        low, high: inclusive range of a number.
        step: increment of the form's number field.
        choices: allowed values of a text.
        changeable: whether a paused run may resume with another value.
    """

    default: Any
    label: str
    help: str = ""
    low: float = 0
    high: float | None = None
    step: float = 1
    choices: tuple[str, ...] = ()
    changeable: bool = False

    @property
    def range(self) -> str:
        """Such as ``1 to 4,096``; empty unless the setting is a number."""
        return "" if self.high is None else f"{self.low:,.10g} to {self.high:,.10g}"

    def check(self, value: Any) -> None:
        """Raise `ConfigError` for a value out of range (NaN is too) or not among the choices."""
        if self.high is not None and not self.low <= value <= self.high:
            allowed = self.range.replace(" to ", " and ")
            raise ConfigError(f"{self.label} must be between {allowed}, not {value:,.10g}.")
        if self.choices and value not in self.choices:
            raise ConfigError(
                f"Unknown {self.label.lower()} {value!r}: choose {', '.join(self.choices)}."
            )


def setting(default: Any, label: str, help: str = "", **more: Any) -> Any:
    """A dataclass field that carries its `Setting`."""
    return field(default=default, metadata={"setting": Setting(default, label, help, **more)})


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a run. The defaults are the article's recipe.

    Attributes:
        train_samples: the first images of the published order, which is already shuffled by class;
            validation images are taken from the end.
        init: ``default`` is PyTorch's; for ``kaiming`` see `AlexNet.initialize_he`.
        norm: adds batch normalization during training only, see `AlexNet`.
        grow: ``width:share`` pairs, see `stages` and `net2net`.

    Raises:
        ConfigError: when a value is out of range or unknown, or values contradict each other.
    """

    recipe: str = setting(
        "article", "Recipe", "Settings to start from (default: article).", choices=tuple(RECIPES)
    )
    epochs: int = setting(
        10, "Epochs", "Number of passes over the training set.", low=1, high=1000, changeable=True
    )
    batch_size: int = setting(
        128,
        "Batch size",
        "Images per step. Larger batches use a GPU better and need more memory.",
        low=1,
        high=4096,
    )
    lr: float = setting(
        0.1,
        "Learning rate",
        "Size of each step. Too high and the loss diverges; too low and it barely falls.",
        low=1e-6,
        high=10.0,
        step=0.01,
    )
    lr_scale: float = setting(
        1.0,
        "Learning-rate multiplier",
        "Multiplies the learning rate of the whole schedule.",
        low=0.001,
        high=1000.0,
        step=0.1,
        changeable=True,
    )
    schedule: str = setting(
        "constant",
        "Learning-rate schedule",
        "Learning rate over the run: constant, or up and then linearly down to 0.",
        choices=("constant", "linear"),
    )
    warmup: float = setting(
        0.0,
        "Warm-up, as a share of all steps",
        "Share of all steps over which the learning rate rises.",
        high=0.9,
        step=0.05,
    )
    momentum: float = setting(
        0.0,
        "Momentum",
        "Share of the previous update that is added to each step. The article uses none.",
        high=0.999,
        step=0.1,
    )
    nesterov: bool = setting(
        False, "Nesterov momentum", "Evaluate momentum one step ahead. Needs momentum."
    )
    weight_decay: float = setting(
        0.0, "Weight decay", "Pulls weights toward zero at each step.", high=1.0, step=0.0001
    )
    dropout: float = setting(
        0.5,
        "Dropout",
        "Share of the fully connected units dropped at each step. The article uses 0.5.",
        high=0.9,
        step=0.1,
    )
    label_smoothing: float = setting(
        0.0,
        "Label smoothing",
        "Share of the target spread over all classes. Reduces overconfidence.",
        high=0.5,
        step=0.05,
    )
    init: str = setting(
        "default",
        "Initial weights",
        "The article uses PyTorch's default. He initialization lets deep ReLU networks learn from "
        "the first step.",
        choices=("default", "kaiming"),
    )
    flip: bool = setting(
        False, "Random mirroring", "Mirror each training image with probability 0.5."
    )
    shift: int = setting(
        0,
        "Shift in pixels",
        "Shift each training image by up to this many pixels (of 28) in each direction.",
        high=8,
    )
    erase: float = setting(
        0.0,
        "Probability of random erasing",
        "Probability that a random rectangle of a training image is erased.",
        high=1.0,
        step=0.1,
    )
    drawings: float = setting(
        0.0,
        "Share of line drawings",
        "Share of the training images rendered as line drawings, similar to what people draw.",
        high=1.0,
        step=0.05,
        changeable=True,
    )
    photos: float = setting(
        0.0,
        "Share of photos",
        "Share of the training images rendered as photos: lit, warped, worn, or lying somewhere.",
        high=1.0,
        step=0.05,
        changeable=True,
    )
    norm: bool = setting(
        False,
        "Batch normalization",
        "Normalize each channel during training, so the network learns faster. Folded into the "
        "convolutions afterwards.",
    )
    width: float = setting(
        1.0,
        "Width",
        "Multiplies the channels of every layer. 1 is the article's network.",
        low=0.0625,
        high=2.0,
        step=0.125,
    )
    grow: str = setting(
        "",
        "Growth",
        "Train narrower networks first: 0.25:0.6,0.5:0.3 uses a quarter of the width for 60% of "
        "the steps, half of it for 30%, and the full width for the rest. Empty for none.",
    )
    train_samples: int = setting(
        TRAIN_SAMPLES,
        "Training images",
        "A subset trains faster and learns less.",
        low=1,
        high=TRAIN_SAMPLES,
    )
    test_samples: int = setting(
        TEST_SAMPLES,
        "Test images",
        "Images used for the test after each epoch.",
        low=1,
        high=TEST_SAMPLES,
    )
    validation: int = setting(
        0,
        "Validation images",
        "Training images held out for validation, so that settings are not tuned on the test set. "
        "0 for none.",
        high=TEST_SAMPLES,
    )
    patience: int = setting(
        0,
        "Early-stopping patience",
        "Stop after this many epochs without a better accuracy. 0 for never.",
        high=1000,
        changeable=True,
    )
    seed: int = setting(
        0,
        "Seed",
        "The same seed gives the same initial weights and order of images.",
        high=2**31 - 1,
    )
    device: str = setting("auto", "Device", "auto, cpu, mps, cuda, or cuda:N")
    devices: int = setting(
        1, "Devices", "GPUs that share the training.", low=1, high=64, changeable=True
    )
    precision: str = setting(
        "fp32",
        "Precision",
        "bf16 and fp16 are faster on hardware made for them, and slower elsewhere.",
        choices=("auto", "fp32", "bf16", "fp16"),
    )
    memory_format: str = setting(
        "auto",
        "Memory format",
        "Order of channels and pixels in memory. Changes the speed, not the result.",
        choices=("auto", "channels_last", "contiguous"),
    )
    checkpoint_minutes: float = setting(
        5.0,
        "Minutes between checkpoints",
        "A run that is killed loses at most this much work. 0 for only after each epoch.",
        high=1440.0,
        changeable=True,
    )
    keep_epochs: int = setting(
        10,
        "Epochs to keep",
        "Number of epochs, evenly spaced, whose weights are kept to inspect later. An epoch of the "
        "full network takes 47 MB.",
        high=1000,
        changeable=True,
    )

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            setting.check(getattr(self, name))
        if self.nesterov and not self.momentum:
            raise ConfigError("Nesterov momentum needs a momentum above 0.")
        if self.devices > 1 and (":" in self.device or self.device == "mps"):
            raise ConfigError("Several processes need the device auto, cuda, or cpu: one GPU each.")
        if self.drawings + self.photos > 1:
            raise ConfigError("Drawings and photos together cannot exceed 1.")
        stages(self)

    @property
    def train_images(self) -> int:
        """Training images in an epoch."""
        return min(self.train_samples, TRAIN_SAMPLES - self.validation)

    @property
    def eval_split(self) -> str:
        """Split that each epoch is evaluated on: ``validation`` or ``test``."""
        return "validation" if self.validation else "test"

    @property
    def eval_images(self) -> int:
        """Images that each epoch is evaluated on."""
        return self.validation or self.test_samples

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller, as in the article's loop."""
        return -(-self.train_images // self.batch_size)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.epochs

    def keeps_weights(self, epoch: int) -> bool:
        """Whether to keep the weights of this epoch, counted from 1; the last one's always."""
        share = min(self.keep_epochs / self.epochs, 1.0)
        return int(epoch * share + 1e-9) > int((epoch - 1) * share + 1e-9)

    @classmethod
    def from_recipe(cls, recipe: str, **overrides: Any) -> TrainConfig:
        """The recipe's settings with ``overrides``, of which None is ignored."""
        SETTINGS["recipe"].check(recipe)
        overrides = {name: value for name, value in overrides.items() if value is not None}
        return cls(recipe=recipe, **{**RECIPES[recipe].settings, **overrides})

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrainConfig:
        """Read what `to_json` wrote, also in an older version with fewer or other fields.

        Raises:
            ConfigError: when a value has the wrong type or is out of range.
        """
        values = {name: record[name] for name in SETTINGS if name in record}
        for name, value in values.items():
            kind = type(SETTINGS[name].default)
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise ConfigError(f"The setting {name} must be {kind.__name__}, not {value!r}.")
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Settings that differ from the recipe, each as (value, the recipe's value)."""
        recipe = TrainConfig.from_recipe(self.recipe)
        pairs = {name: (getattr(self, name), getattr(recipe, name)) for name in SETTINGS}
        return {name: (value, usual) for name, (value, usual) in pairs.items() if value != usual}

    def command(self) -> list[str]:
        """Arguments of ``python -m alexnet_demo`` that repeat this run."""
        arguments = ["train", "--recipe", self.recipe]
        for name, (value, _) in self.changes().items():
            if isinstance(value, bool):
                arguments.append(option(name) if value else option(f"no_{name}"))
            else:
                arguments += [option(name), str(value)]
        return arguments


SETTINGS: Mapping[str, Setting] = {f.name: f.metadata["setting"] for f in fields(TrainConfig)}
CHANGEABLE = tuple(name for name, setting in SETTINGS.items() if setting.changeable)
"""Settings with which a paused run may resume changed."""


def option(name: str) -> str:
    """The command-line option of a setting."""
    return f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class Stage:
    """A part of a run at one width: steps ``first`` up to but not including ``end``."""

    width: float
    first: int
    end: int


def stages(config: TrainConfig) -> tuple[Stage, ...]:
    """The widths that a run trains at; the last one is its own ``width``.

    Raises:
        ConfigError: when ``grow`` cannot be parsed, a width is not a whole multiple of the one
            before, or no share is left for the full width.
    """
    parts: list[Stage] = []
    first, used = 0, 0.0
    for part in filter(None, config.grow.split(",")):
        try:
            relative, share = map(float, part.split(":"))
        except ValueError:
            raise ConfigError(
                "Growth must be written as width:share of the steps, such as 0.25:0.6,0.5:0.3, "
                f"not {config.grow!r}."
            ) from None
        used += share
        if not (0 < relative < 1 and share > 0 and used < 1):
            raise ConfigError(
                "Growth needs widths between 0 and 1, and shares that sum to less than 1."
            )
        width, narrowest = relative * config.width, SETTINGS["width"].low
        if width < narrowest:
            raise ConfigError(
                f"Growth would start at width {width:g}, below the minimum of {narrowest:g}: "
                "choose a larger width, or no growth."
            )
        end = round(used * config.total_steps)
        parts.append(Stage(width, first, end))
        first = end
    parts.append(Stage(config.width, first, config.total_steps))
    for small, large in pairwise(parts):
        factor = round(large.width / small.width)
        copies = tuple(factor * count for count in channels(small.width))
        if factor < 2 or channels(large.width) != copies:
            raise ConfigError(
                "Growth needs each width to be a whole multiple of the one before, in every layer."
            )
    return tuple(parts)


def width_at(config: TrainConfig, step: int) -> float:
    """The width at a step, counted from 0; the final width after the last step."""
    return next((s.width for s in stages(config) if step < s.end), config.width)


def lr_at(config: TrainConfig, step: int) -> float:
    """The learning rate of a step, counted from 0."""
    peak = config.lr * config.lr_scale
    if config.schedule == "constant":
        return peak
    total = config.total_steps
    rise = config.warmup * total
    if step < rise:
        return peak * (step + 1) / (rise + 1)
    return peak * (total - step) / (total - rise)
