"""Command-line options that several commands share, and what they mean. Imports no torch."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.runs.store import best_run
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import CHOICES, LIMITS, TrainConfig
from alexnet_demo.settings.help import HELP
from alexnet_demo.settings.recipes import RECIPES

SETTINGS = tuple(setting.name for setting in fields(TrainConfig))
DEVICES = "auto, cpu, mps, cuda or cuda:N"


def add_training_options(parser: argparse._ActionsContainer) -> None:
    """One option for each setting; what is not given comes from the recipe."""
    plain, meanings = TrainConfig(), {**HELP, "device": DEVICES}
    for setting in fields(TrainConfig):
        name, value = setting.name, getattr(plain, setting.name)
        option = f"--{name.replace('_', '-')}"
        if name == "recipe":
            parser.add_argument(option, choices=tuple(RECIPES), help=f"default: {value}")
        elif name in CHOICES:
            parser.add_argument(option, choices=CHOICES[name], help=meanings[name])
        elif name in LIMITS:
            words = f"{meanings.get(name, LIMITS[name].label + '.')} {LIMITS[name].range}"
            parser.add_argument(option, type=type(value), help=words.replace("%", "%%"))
        elif isinstance(value, bool):
            option_of_two = argparse.BooleanOptionalAction
            parser.add_argument(option, action=option_of_two, default=None, help=meanings[name])
        else:
            parser.add_argument(option, help=meanings[name].replace("%", "%%"))


def add_weights_options(parser: argparse.ArgumentParser) -> None:
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    parser.add_argument("--weights", type=Path, help=f"a .safetensors file (default: {shipped})")
    parser.add_argument("--device", default="auto", help=DEVICES)


def settings_of(options: argparse.Namespace) -> TrainConfig:
    """The training settings given on the command line."""
    given = {name: getattr(options, name) for name in SETTINGS if name != "recipe"}
    return TrainConfig.from_recipe(options.recipe or "article", **given)


def weights_of(options: argparse.Namespace) -> Path:
    """The weights given on the command line, else the shipped ones."""
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    if options.weights or shipped.is_file():
        return options.weights or shipped
    best = best_run()
    example = best.best if best else Path("runs", "RUN", "checkpoints", "best.safetensors")
    raise ConfigError(
        f"No trained network comes with this copy: name one, such as --weights {example} "
        "(`python -m alexnet_demo runs` lists what was trained here)."
    )
