"""Text that others wrote: names of files and runs, notes, messages. Imports nothing of ours."""

from __future__ import annotations

import re
from typing import Any

# Control characters but for tab and new line, and those that turn the direction of what follows.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
# What makes a spreadsheet take a cell for a formula, also behind spaces and in full width.
_FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@＝＋－＠]|[\t\r\n]")

# The folders of a file's full name.
_QUOTED = r"(?<=['\"])(?:[A-Za-z]:)?[\\/][^'\"]*[\\/]"
_FOLDERS = re.compile(rf"{_QUOTED}|(?<![\w.:/\\])(?:[A-Za-z]:)?[\\/](?:[^\s'\"():,;\\/]+[\\/])+")


def readable(text: Any) -> str:
    """Without characters that cannot be seen or that reorder others; empty for what is no text."""
    return _UNSEEN.sub(" ", text).strip() if isinstance(text, str) else ""


def one_line(text: Any) -> str:
    """The same in one line."""
    return " ".join(readable(text).split())


def no_formula(cell: str) -> str:
    """Text that a spreadsheet will not run: a file may be called ``=HYPERLINK(…)``."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def without_folders(text: str) -> str:
    """Without the folders of the files that it names, which are nobody's business elsewhere."""
    return _FOLDERS.sub("", text)
