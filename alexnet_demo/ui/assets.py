"""What components are made of: the files of the folder ``frontend``."""

from __future__ import annotations

from pathlib import Path

_FRONTEND = Path(__file__).parent / "frontend"


def asset(name: str) -> str:
    """The text of a style sheet, a script or a piece of HTML."""
    return (_FRONTEND / name).read_text(encoding="utf-8")
