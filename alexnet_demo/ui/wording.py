"""Words and numbers as people say them."""

from __future__ import annotations

import re

from alexnet_demo.text import one_line


def duration(seconds: float) -> str:
    """Such as ``45 s``, ``2 min 05 s`` or ``7 h 24 min``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def memory(size: float) -> str:
    """Bytes, such as ``850 MB`` or ``1.6 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def percent(share: float, digits: int = 1) -> str:
    """A share of 1, such as ``90.5 %``."""
    return f"{100 * share:.{digits}f} %"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, in one line, such as a file's name."""
    # Addresses become links even where they are escaped: an unseen joiner parts them.
    line = re.sub(r"(?i)(https?:|www(?=\.)|@)", "\\1\u2060", one_line(text))
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-|<>~$:&!])", r"\\\1", line)
    return re.sub(r"^(\d+)\.", r"\1\\.", escaped)  # which would begin a list
