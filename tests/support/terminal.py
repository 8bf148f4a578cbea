"""A command's output, as a terminal would get it."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from alexnet_demo.cli.main import main

CONTROL = re.compile(r"[^\t\n\x20-\x7e\xa0-\U0010ffff]|[\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal would obey instead of show."""


def run(arguments: list[str], encoding: str = "utf-8") -> tuple[int, str, str]:
    """Exit status, standard output, and standard error, in a terminal of that encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        status = main(arguments)
    texts: list[Any] = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))
    return status, *texts
