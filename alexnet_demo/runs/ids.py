"""Run ids: the time of creation in UTC, the recipe, and a random suffix."""

from __future__ import annotations

import secrets
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from alexnet_demo.common.files import children

_TIME = "%Y%m%d-%H%M%S"
_MINUTE = len("20260101-1305")


def new_id(recipe: str) -> str:
    """Such as ``20261127-083000Z-quick-1a2b``, so that names sort by age."""
    return f"{datetime.now(UTC):{_TIME}}Z-{recipe}-{secrets.token_hex(2)}"


def created_at(run_id: str) -> float | None:
    """The time in an id, in seconds since 1970: UTC with a Z, local time in those of version 0.5.

    None for an id without a time.
    """
    zone = UTC if run_id[15:16] == "Z" else None
    with suppress(ValueError, OverflowError, OSError):
        return datetime.strptime(run_id[:15], _TIME).replace(tzinfo=zone).timestamp()
    return None


def shares_minute(directory: Path) -> bool:
    """Whether another run beside this one was created in the same minute."""
    folder = directory.parent
    with suppress(OSError):
        return _minutes(folder, folder.stat().st_mtime_ns)[directory.name[:_MINUTE]] > 1
    return False


@lru_cache(4)
def _minutes(folder: Path, _changed: int) -> Counter[str]:
    """Number of directories by the minute in their id, counted again when the folder changes."""
    return Counter(directory.name[:_MINUTE] for directory in children(folder))
