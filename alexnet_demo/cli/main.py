"""``python -m alexnet_demo COMMAND``: the parser, and errors as exit statuses.

With ``--json`` a command prints JSON on standard output and nothing else; progress goes to standard
error. Exit status: 0 done, 1 failed, 2 unusable arguments or input, 130 interrupted. Each command
imports what it needs, so that ``runs`` does not wait for torch.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from io import TextIOWrapper

from alexnet_demo import __version__
from alexnet_demo.cli import export, inspect, measure, predict, train
from alexnet_demo.cli.options import DONE, FAILED, INTERRUPTED, LOG_FORMAT, UNUSABLE, add_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = build_parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):  # a terminal may lack × and –
        sys.stdout.reconfigure(errors="replace")
    logging.basicConfig(format=LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("alexnet_demo").setLevel(logging.INFO)
    try:
        return options.run(options) or DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of standard output is gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ValueError, OSError, RuntimeError) as error:
        print(f"alexnet_demo {options.command}: {error}", file=sys.stderr)
        return FAILED if isinstance(error, RuntimeError) else UNUSABLE


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    about = "Train, inspect, run, and share AlexNet on Fashion-MNIST."
    parser = argparse.ArgumentParser("python -m alexnet_demo", description=about)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (train, predict, export, inspect, measure):
        module.add_commands(partial(add_command, commands))
    return parser
