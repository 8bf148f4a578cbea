"""Words and numbers as people say them, for Streamlit."""

from __future__ import annotations

import re
from collections.abc import Iterable

from alexnet_demo.wording import duration, memory, percent

__all__ = ["duration", "memory", "percent", "plain"]


def dimensions(shape: Iterable[int]) -> str:
    """Such as ``96×54×54``."""
    return "×".join(map(str, shape))


def plain(text: str) -> str:
    """Text that Markdown shows as it is, such as a file's name."""
    return re.sub(r"([\\`*_{}\[\]()#+\-|<>~$:])", r"\\\1", text)
