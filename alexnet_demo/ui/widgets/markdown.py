"""Markdown: sections of a file, and text from outside made safe."""

from __future__ import annotations

import re
from pathlib import Path

from alexnet_demo.common.text import one_line


def sections(file: Path, level: int = 2) -> dict[str, str]:
    """The text below each heading of a level, up to the next heading, by heading."""
    pattern = rf"^#{{{level}}} ([^\n]+)\n+(.+?)\n*(?=^#|\Z)"
    text = file.read_text(encoding="utf-8")
    return dict(re.findall(pattern, text, re.MULTILINE | re.DOTALL))


def plain(text: str) -> str:
    """Text that Markdown shows as it is, in one line, such as a file's name."""
    # Addresses become links even where they are escaped: an unseen joiner parts them.
    line = re.sub(r"(?i)(https?:|www(?=\.)|@)", "\\1\u2060", one_line(text))
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-|<>~$:&!])", r"\\\1", line)
    return re.sub(r"^(\d+)\.", r"\1\\.", escaped)  # which would begin a list
