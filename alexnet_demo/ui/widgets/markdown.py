"""Text for Streamlit's Markdown."""

from __future__ import annotations

import re

from alexnet_demo.common.text import one_line


def plain(text: str) -> str:
    """Text that Markdown shows as it is, in one line, such as a file's name."""
    # Addresses become links even where they are escaped: an unseen joiner parts them.
    line = re.sub(r"(?i)(https?:|www(?=\.)|@)", "\\1\u2060", one_line(text))
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-|<>~$:&!])", r"\\\1", line)
    return re.sub(r"^(\d+)\.", r"\1\\.", escaped)  # which would begin a list
