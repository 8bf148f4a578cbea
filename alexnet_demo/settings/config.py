"""`TrainConfig`: the settings of a run, from which the form, the options, and validation derive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.settings.article import TEST_SAMPLES, TRAIN_SAMPLES
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.settings.schedule import MIN_WIDTH, stages
from alexnet_demo.settings.setting import Setting, option, setting, shown


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a run. The defaults are the article's recipe.

    Attributes:
        train_samples: the first images of the published order, which is already shuffled by class;
            validation images are taken from the end.
        test_samples: the first test images. With validation images, the best weights are evaluated
            on them once, when the run finishes; without, every epoch is, and the best one chosen.
        init: ``default`` is PyTorch's; for ``kaiming`` see `AlexNet.initialize_he`.
        norm: adds batch normalization during training only, see `AlexNet`.
        grow: ``width:share`` pairs, see `stages` and `net2net`.

    Raises:
        ConfigError: when a value is out of range or unknown, or values contradict each other.
    """

    recipe: str = setting("article", "Recipe", "Default: article.", choices=tuple(RECIPES))
    epochs: int = setting(
        10, "Epochs", "Number of passes over the training set.", (1, 1000), changeable=True
    )
    batch_size: int = setting(
        128, "Batch size", "Larger batches use a GPU better and need more memory.", (1, 4096)
    )
    lr: float = setting(
        0.1, "Learning rate", "Too high and the loss diverges.", (1e-6, 10.0), step=0.01
    )
    lr_scale: float = setting(
        1.0,
        "Learning-rate multiplier",
        "Multiplies the learning rate.",
        (0.001, 1000.0),
        changeable=True,
    )
    schedule: str = setting(
        "constant",
        "Learning-rate schedule",
        "Constant, or up during warm-up and then linearly down to 0.",
        choices=("constant", "linear"),
    )
    warmup: float = setting(
        0.0, "Warm-up", "Fraction of all steps with a rising learning rate.", (0.0, 0.9), step=0.05
    )
    momentum: float = setting(
        0.0, "Momentum", "Fraction of the previous update carried over.", (0.0, 0.999), step=0.1
    )
    nesterov: bool = setting(False, "Nesterov momentum", "Looks one step ahead. Needs momentum.")
    weight_decay: float = setting(
        0.0, "Weight decay", "Pulls weights toward zero at each step.", (0.0, 1.0), step=0.0001
    )
    dropout: float = setting(
        0.5,
        "Dropout",
        "Probability that a unit of fc6 and fc7 is left out, drawn for each unit and image.",
        (0.0, 0.9),
        step=0.1,
    )
    label_smoothing: float = setting(
        0.0,
        "Label smoothing",
        "Fraction of the target spread over all classes.",
        (0.0, 0.5),
        step=0.05,
    )
    activation: str = setting(
        "relu",
        "Activation",
        "The function after each layer but the last. The article's is ReLU, max(0, x).",
        choices=("relu", "tanh", "sigmoid"),
    )
    init: str = setting(
        "default",
        "Initial weights",
        "PyTorch's default as in the article, or He initialization, made for deep networks.",
        choices=("default", "kaiming"),
    )
    flip: bool = setting(False, "Random mirroring", "Mirror each image with probability ½.")
    shift: int = setting(
        0, "Shift in pixels", "Shift each image by up to this many pixels (of 28).", (0, 8)
    )
    erase: float = setting(
        0.0, "Random erasing", "Probability of erasing a random rectangle.", (0.0, 1.0), step=0.1
    )
    drawings: float = setting(
        0.0,
        "Share of line drawings",
        "Fraction of the images rendered as line drawings, similar to what people draw.",
        (0.0, 1.0),
        step=0.05,
        changeable=True,
    )
    photos: float = setting(
        0.0,
        "Share of photos",
        "Fraction of the images rendered as photos: varied light, perspective, and background.",
        (0.0, 1.0),
        step=0.05,
        changeable=True,
    )
    generated: float = setting(
        0.0,
        "Share of generated images",
        "Images added to each batch, relative to its size: drawings and photos of clothing made "
        "from strokes and shapes, such as coats with lapels and shoes from above.",
        (0.0, 1.0),
        step=0.05,
        changeable=True,
    )
    others: float = setting(
        0.0,
        "Share of other things",
        "Images of no clothing added to each batch, relative to its size. The network learns to "
        "be undecided about them.",
        (0.0, 1.0),
        step=0.05,
        changeable=True,
    )
    norm: bool = setting(
        False, "Batch normalization", "Speeds up training. Folded into the convolutions afterwards."
    )
    sync_batchnorm: bool = setting(
        False,
        "Synchronized batch normalization",
        "With several GPUs, normalizes over the whole batch instead of each GPU's share. Slower.",
    )
    width: float = setting(
        1.0,
        "Width",
        "Multiplies the channels of every layer. 1 is the article's network.",
        (MIN_WIDTH, 2.0),
        step=0.125,
    )
    grow: str = setting(
        "",
        "Growth",
        "Train narrower networks first: 0.25:0.6,0.5:0.3 uses a quarter of the width for 60% of "
        "the steps, half of it for 30%, and the full width for the rest. Empty for none.",
    )
    train_samples: int = setting(
        TRAIN_SAMPLES, "Training images", "Fewer train faster, less accurately.", (1, TRAIN_SAMPLES)
    )
    test_samples: int = setting(
        TEST_SAMPLES,
        "Test images",
        "Evaluated once, at the end; after each epoch if there are no validation images.",
        (1, TEST_SAMPLES),
    )
    validation: int = setting(
        0,
        "Validation images",
        "Training images held out to choose the best epoch and the settings by. With 0, that falls "
        "to the test images, and the accuracy on them is slightly optimistic.",
        (0, TEST_SAMPLES),
    )
    patience: int = setting(
        0,
        "Early-stopping patience",
        "Stop after this many epochs without a better validation accuracy (test accuracy without "
        "validation images). 0 for never.",
        (0, 1000),
        changeable=True,
    )
    seed: int = setting(
        0, "Seed", "Determines the initial weights and the order of images.", (0, 2**31 - 1)
    )
    device: str = setting(
        "auto",
        "Device",
        "auto, cpu, mps, cuda, or cuda:N",
        pattern=r"auto|cpu|mps|cuda(:(0|[1-9][0-9]{0,3}))?",
    )
    devices: int = setting(
        1, "Devices", "Number of GPUs; the batch is split among them.", (1, 64), changeable=True
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
        "Order of channels and pixels in memory. Affects only the speed.",
        choices=("auto", "channels_last", "contiguous"),
    )
    compile: str = setting(
        "auto",
        "Compilation",
        "torch.compile: on, with CUDA graphs, or off. auto is off unless `doctor --compile` has "
        "measured a gain on this device.",
        choices=("auto", "off", "on", "graphs"),
    )
    checkpoint_minutes: float = setting(
        5.0,
        "Minutes between checkpoints",
        "At most this much work is lost if the run is killed. 0 for only after each epoch.",
        (0.0, 1440.0),
        changeable=True,
    )
    keep_epochs: int = setting(
        10,
        "Epochs to keep",
        "Epochs, evenly spaced, whose weights are kept: 47 MB each for the full network.",
        (0, 1000),
        changeable=True,
    )

    def __post_init__(self) -> None:
        for name, about in SETTINGS.items():
            about.check(getattr(self, name))
        if self.nesterov and not self.momentum:
            raise ConfigError("Nesterov momentum needs a momentum above 0.")
        if self.sync_batchnorm and not self.norm:
            raise ConfigError("Synchronized batch normalization needs batch normalization.")
        if self.grow and self.activation != "relu":
            raise ConfigError("Growth needs the activation relu: the copies of units rely on it.")
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
    def eval_set(self) -> str:
        """Images that each epoch is evaluated on, in words, such as ``2,000 test images``."""
        return f"{self.eval_images:,} {self.eval_split} images"

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one may be smaller, as in the article's loop."""
        return -(-self.train_images // self.batch_size)

    @property
    def total_steps(self) -> int:
        return self.steps_per_epoch * self.epochs

    def stops_early(self, epoch: int, best_epoch: int, width: float) -> bool:
        """Whether early stopping ends a run after ``epoch`` epochs.

        Args:
            best_epoch: the best one so far at the network's width.
            width: of the network now; one that is yet to grow never stops early.
        """
        return width == self.width and 0 < self.patience <= epoch - best_epoch

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
                raise ConfigError(
                    f"The setting {name} must be {kind.__name__}, not {shown(value)}."
                )
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def changes(self) -> dict[str, tuple[Any, Any]]:
        """Settings that differ from the recipe, each as (value, the recipe's value)."""
        recipe = TrainConfig.from_recipe(self.recipe)
        pairs = {name: (getattr(self, name), getattr(recipe, name)) for name in SETTINGS}
        return {name: (value, usual) for name, (value, usual) in pairs.items() if value != usual}

    def changes_in_words(self) -> list[str]:
        """What is trained differently from the recipe, such as ``lr 0.05`` or ``no flip``."""
        words = []
        for name, (value, _) in self.changes().items():
            label = name.replace("_", " ")
            if isinstance(value, bool):
                words.append(label if value else f"no {label}")
            elif name not in EXECUTION:
                number = isinstance(value, float)
                words.append(f"{label} {f'{value:g}' if number else str(value)[:20] or 'none'}")
        return words

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
CHANGEABLE = tuple(name for name, about in SETTINGS.items() if about.changeable)
"""Settings with which a paused run may resume changed."""
EXECUTION = (
    *("device", "devices", "precision", "memory_format", "compile"),
    *("checkpoint_minutes", "keep_epochs"),
)
"""Settings of how a run is executed; the others decide what is trained."""


def differing(configs: Sequence[TrainConfig]) -> list[str]:
    """The settings that are not the same in all of these configs."""
    return [name for name in SETTINGS if len({getattr(config, name) for config in configs}) > 1]
