"""Numbers as text, and text from outside (names of files and runs, notes, messages) made safe."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, SupportsFloat

# Control characters except tab and newline, what changes the direction of text, lone surrogates.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
# What makes a spreadsheet read a cell as a formula, also after spaces or in full width.
_FORMULA = re.compile(r"[\s\x00-\x1f]*[=+\-@＝＋－＠]|[\t\r\n]")
# The folders of an absolute path, also inside quotes.
_QUOTED = r"(?<=['\"])(?:[A-Za-z]:)?[\\/][^'\"]*[\\/]"
_FOLDERS = re.compile(rf"{_QUOTED}|(?<![\w.:/\\])(?:[A-Za-z]:)?[\\/](?:[^\s'\"():,;\\/]+[\\/])+")


def readable(text: Any) -> str:
    """Remove invisible and direction-changing characters; empty for anything but a string."""
    return _HIDDEN.sub(" ", text).strip() if isinstance(text, str) else ""


def one_line(text: Any) -> str:
    """Readable text with every run of whitespace collapsed to one space."""
    return " ".join(readable(text).split())


def precision_name(precision: object, tf32: object) -> str:
    """Such as ``bf16``, or ``fp32 with TF32`` where a GPU multiplies float32 so.

    Args:
        tf32: from the same record, where older ones have none.
    """
    return f"{one_line(precision)} with TF32" if tf32 is True else one_line(precision)


def printable(text: str) -> str:
    """Replace by ``�`` what a terminal would obey instead of show, and keep everything else."""
    return _HIDDEN.sub("\ufffd", text)


def printable_line(text: str) -> str:
    """As `printable`, on one line: a file's name may not add lines of its own to a list."""
    return printable(text).replace("\n", "\ufffd")


def no_formula(cell: str) -> str:
    """Quote text that a spreadsheet would run: a file may be called ``=HYPERLINK(…)``."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def without_folders(text: str) -> str:
    """Reduce every absolute path in a text to its file name: folders are private to the server."""
    return _FOLDERS.sub("", text)


def duration(seconds: float) -> str:
    """Such as ``45 s``, ``2 min 05 s``, or ``7 h 24 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def memory(size: float) -> str:
    """Bytes, such as ``850 MB`` or ``1.6 GB``."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.{0 if size >= 100 * scale else 1}f} {unit}"
    return f"{size:.0f} bytes"


def percent(share: SupportsFloat, digits: int = 1) -> str:
    """A share of 1, such as ``90.5%``; ``<0.1%`` or ``>99.9%`` where rounding would hide the rest.

    Rounds halves up, also those that a float32 holds only approximately, as `replay.js` does: the
    same number reads the same everywhere.
    """
    share = float(share)  # NumPy's own would round in its precision
    if not math.isfinite(share):
        return "–"
    scale = 10 ** (digits + 2)
    units = math.floor(share * scale + 0.5 + 1e-7 * scale)
    if units == 0 < share:
        return f"<{10**-digits:.{digits}f}%"
    if units == scale and share < 1:
        return f">{100 - 10**-digits:.{digits}f}%"
    return f"{units / 10**digits:.{digits}f}%"


def whole_percent(share: float) -> str:
    """A share of 1, such as ``90%``."""
    return percent(share, 0)


def short_percent(share: float) -> str:
    """A share of 1 with at most two significant digits: ``56%``, ``3.6%``, ``<0.1%``."""
    return percent(share, 0 if share >= 0.1 else 1)


def probability(share: SupportsFloat, digits: int = 1) -> str:
    """The probability of a class, never 0% or 100%: softmax reaches neither, but a float32 does."""
    return percent(min(max(float(share), 1e-9), 1 - 1e-9), digits)


def dimensions(shape: Iterable[int]) -> str:
    """A shape, such as ``96×54×54``."""
    return "×".join(map(str, shape))
