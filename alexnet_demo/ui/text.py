"""Words on a page."""

from __future__ import annotations

import re


def plain(text: str) -> str:
    """Text that Markdown shows as it is, such as a file's name."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:])", r"\\\1", text)
