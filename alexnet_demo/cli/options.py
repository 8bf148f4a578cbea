"""Command-line options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.runs.store import best_run
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import SETTINGS, TrainConfig, option

DEVICES = SETTINGS["device"].help


def add_training_options(parser: argparse._ActionsContainer) -> None:
    """One option for each setting; what is not given comes from the recipe."""
    for name, setting in SETTINGS.items():
        words = f"{setting.help} {setting.range}".strip().replace("%", "%%")
        if name == "recipe":
            words = f"default: {setting.default}"
        if isinstance(setting.default, bool):
            flag = argparse.BooleanOptionalAction
            parser.add_argument(option(name), action=flag, default=None, help=words)
        else:
            kind, choices = type(setting.default), setting.choices or None
            parser.add_argument(option(name), type=kind, choices=choices, help=words)


def add_weights_option(parser: argparse.ArgumentParser) -> None:
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    parser.add_argument("--weights", type=Path, help=f"a .safetensors file (default: {shipped})")


def add_device_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help=DEVICES)


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings named on the command line."""
    return {n: value for n in SETTINGS if (value := getattr(options, n)) is not None}


def settings_of(options: argparse.Namespace) -> TrainConfig:
    """The run settings from the command line: the recipe's, with those named there."""
    return TrainConfig.from_recipe(**{"recipe": "article", **given_settings(options)})


def weights_of(options: argparse.Namespace) -> Path:
    """The weights named on the command line, else the included model's.

    Raises:
        ConfigError: when neither exists.
    """
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    if options.weights or shipped.is_file():
        return options.weights or shipped
    best = best_run()
    example = best.best if best else Path("runs", "RUN", "checkpoints", "best.safetensors")
    raise ConfigError(
        f"The included model is missing. Choose weights, such as --weights {example} "
        "(`python -m alexnet_demo runs` lists your runs)."
    )
