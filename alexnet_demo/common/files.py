"""Atomic writes, tolerant JSON reading, and digests of files."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPLACE_SECONDS = 1.0


def write_atomically(path: Path, write: Callable[[Path], object], keep: Path | None = None) -> None:
    """Call ``write(temporary_path)``, flush to disk, then rename over ``path``.

    Until the rename, the previous file stays intact.

    Args:
        keep: where to move the previous file; a kill between both renames leaves only this one.

    Raises:
        OSError: from ``write`` or the system, such as for a full disk.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if keep and path.exists():
            _replace(path, keep)
        _replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(source: Path, target: Path) -> None:
    """Rename over ``target``; retry on Windows, which refuses while somebody reads the file."""
    end = time.monotonic() + REPLACE_SECONDS
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > end:
                raise
            time.sleep(0.02)


def sweep(folder: Path) -> None:
    """Remove temporary files of killed writers; only while nobody writes there."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write an object as a JSON file."""
    write_text(path, json.dumps(record, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def parse_json(text: str | bytes) -> Any:
    """Parse untrusted JSON.

    Raises:
        ValueError: when it is damaged, nested too deeply, or contains a lone surrogate, which can
            be neither displayed nor written.
    """
    try:
        value = json.loads(text)
        if (b"\\ud" if isinstance(text, bytes) else "\\ud") in text.lower():  # type: ignore[operator]
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    return value


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if the file is missing or damaged."""
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file; empty if the file is missing or empty."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return hashlib.sha256(data).hexdigest()
    except (OSError, ValueError):
        return ""
