"""Standard output and error: whatever is printed there, no character controls the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import TextIOBase, TextIOWrapper
from pathlib import Path
from typing import TextIO

from alexnet_demo.common.text import printable


class PrintableStream(TextIOBase):
    """Writes text to another stream, which it leaves open, with hidden characters replaced.

    Names of files, images' metadata, and messages of libraries come from outside, and an escape
    sequence among them could rewrite the screen or the keyboard's input.

    Args:
        stream: text that its encoding lacks appears there as ``?``.
    """

    def __init__(self, stream: TextIO) -> None:
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
        self._stream = stream
        self.error: OSError | None = None  # why it could not be written, if so

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str) -> int:
        with self._recording_errors():
            self._stream.write(printable(text))
        return len(text)

    def flush(self) -> None:
        with self._recording_errors():
            self._stream.flush()

    @contextmanager
    def _recording_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.error = error
            raise

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True


@contextmanager
def printable_output() -> Iterator[None]:
    """Pass everything that is printed, logged, or warned of through a `PrintableStream`.

    A stream that the caller has closed, as with ``>&-``, is replaced by one that discards.
    """
    os.environ["PYTHON_COLORS"] = "0"  # argparse's own escape sequences, from Python 3.14 on
    with Path(os.devnull).open("w") as nowhere:
        out, error = (PrintableStream(s or nowhere) for s in (sys.stdout, sys.stderr))
        with redirect_stdout(out), redirect_stderr(error):
            yield


def discard_output() -> None:
    """Drop what is still to be written to standard output, since nothing can be written there.

    Otherwise Python would try again at exit, and complain.
    """
    with suppress(OSError, ValueError):  # captured by a caller, and not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
