"""``python -m alexnet_demo COMMAND``: the parser, and errors as exit statuses.

With ``--json`` a command prints JSON on standard output and nothing else; progress goes to standard
error. Exit status: 0 done, 1 failed, 2 unusable arguments or input, 130 interrupted. Each command
imports what it needs, so that ``runs`` does not wait for torch.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial

from alexnet_demo import __version__
from alexnet_demo.cli import doctor, experiment, export, inspect, measure, predict, train
from alexnet_demo.cli.options import DONE, FAILED, INTERRUPTED, LOG_FORMAT, UNUSABLE, add_command
from alexnet_demo.cli.output import discard_output, printable_output
from alexnet_demo.common.errors import OUT_OF_MEMORY, explain_import, is_out_of_memory
from alexnet_demo.common.text import printable_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    with printable_output():
        try:
            status = _run(arguments)
            sys.stdout.flush()
            return status
        except BrokenPipeError:  # the reader of standard output is gone, as with `| head`
            discard_output()
            return FAILED
        except OSError as error:  # standard output is a file on a full disk
            discard_output()
            print(
                f"alexnet_demo: The output cannot be written: {error.strerror or error}",
                file=sys.stderr,
            )
            return FAILED


def _run(arguments: Sequence[str] | None) -> int:
    """Run one command; raises OSError only where standard output cannot be written."""
    command = "alexnet_demo"
    try:
        options = _parse(build_parser(), arguments)
        command += f" {options.command}"
        logging.basicConfig(format=LOG_FORMAT, stream=sys.stderr)
        logging.getLogger("alexnet_demo").setLevel(logging.INFO)
        return options.run(options) or DONE
    except SystemExit as stop:  # argparse, after it has printed help or what is wrong
        return stop.code if isinstance(stop.code, int) else DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if error is getattr(sys.stdout, "error", None) or sys.flags.dev_mode:
            raise  # `main` reports output that cannot be written; `python -X dev` shows the rest
        print(f"{command}: {_explain(error)}", file=sys.stderr)
        return UNUSABLE if isinstance(error, ValueError | OSError) else FAILED


def _parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    try:
        options = parser.parse_args(arguments)
    except ValueError:
        options = None
    # Python 3.11 reads the value of `--epochs=--` as an empty list; other versions raise.
    if options is None or [] in vars(options).values():
        parser.error("-- cannot be an option's value")
    return options


def _explain(error: Exception) -> str:
    """One sentence about an error: its own, where that is meant for people."""
    if isinstance(error, OSError) and error.strerror:
        name = f": {error.filename}" if error.filename else ""
        return printable_line(f"{error.strerror}{name}")
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    if isinstance(error, ImportError):
        return printable_line(explain_import(error))
    text = next(filter(None, map(str.strip, str(error).splitlines())), "")
    if isinstance(error, ValueError | OSError | RuntimeError) and text:
        return printable_line(text)
    return (
        f"Unexpected {type(error).__name__} ({printable_line(text)}): please report it, with what "
        "`python -X dev -m alexnet_demo …` prints."
    )


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    about = "Train, inspect, run, and share AlexNet on Fashion-MNIST."
    parser = argparse.ArgumentParser("python -m alexnet_demo", description=about)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (train, experiment, predict, export, inspect, measure, doctor):
        module.add_commands(partial(add_command, commands))
    return parser
