"""Exit statuses, options, and output that commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.runs.store import best_run
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import SETTINGS, TrainConfig
from alexnet_demo.settings.setting import option

DONE, FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130
LOG_FORMAT = "%(asctime)s %(message)s"
Options = argparse.Namespace


def add_command(
    commands: Any, name: str, run: Callable[[Options], int | None], summary: str
) -> argparse.ArgumentParser:
    """Add a command that calls ``run``, which returns the exit status, or None for `DONE`."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")
    parser.set_defaults(run=run)
    return parser


def add_training_options(parser: argparse._ActionsContainer) -> None:
    """One option for each setting; the recipe decides those not given."""
    for name, setting in SETTINGS.items():
        words = f"{setting.help} {setting.range}".strip().replace("%", "%%")
        if isinstance(setting.default, bool):
            flag = argparse.BooleanOptionalAction
            parser.add_argument(option(name), action=flag, default=None, help=words)
        else:
            kind, choices = type(setting.default), setting.choices or None
            parser.add_argument(option(name), type=kind, choices=choices, help=words)


def add_weights_option(parser: argparse.ArgumentParser) -> None:
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    parser.add_argument(
        "--weights", type=file_path, help=f"a .safetensors file (default: {shipped})"
    )


def add_device_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help=SETTINGS["device"].help)


def given_settings(options: Options) -> dict[str, Any]:
    """The settings given on the command line."""
    return {n: value for n in SETTINGS if (value := getattr(options, n)) is not None}


def settings_of(options: Options) -> TrainConfig:
    """The recipe's settings, with those given on the command line."""
    return TrainConfig.from_recipe(**{"recipe": "article", **given_settings(options)})


def weights_of(options: Options) -> Path:
    """The weights given on the command line, else those of the included model.

    Raises:
        ConfigError: when there are neither.
    """
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    if options.weights or shipped.is_file():
        return options.weights or shipped
    best = best_run()
    example = best.best if best else Path("runs", "RUN", "checkpoints", "best.safetensors")
    raise ConfigError(
        f"The included model is missing. Choose other weights, such as --weights {example} "
        "(`python -m alexnet_demo runs` lists your runs)."
    )


def nonempty(text: str) -> str:
    """The type of an argument that names a path: an empty one would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path cannot be empty")
    return text


def file_path(text: str) -> Path:
    """The type of an option that takes a path, which cannot be empty."""
    return Path(nonempty(text))


def number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    """The type of an option that takes a number from ``low`` to ``high``."""

    def parse(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:  # also NaN
            raise argparse.ArgumentTypeError(f"must be from {low:,.10g} to {high:,.10g}")
        return value

    parse.__name__ = kind.__name__  # as argparse names it for what is no number
    return parse


def show(options: Options, record: Any, text: str) -> None:
    """Print a record as JSON if ``--json`` is given, else the text."""
    print(json.dumps(record) if options.json else text, flush=True)
