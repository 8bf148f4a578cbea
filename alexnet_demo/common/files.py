"""Files written whole or not at all, and told apart. Imports no torch."""

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
    """Call ``write(temporary_path)``, flush it to disk, then put it in ``path``'s place.

    Whatever happens before the last step, the file that was there stays whole.

    Args:
        keep: where to put the file that was there; killed between the two, only this one is there.

    Raises:
        OSError: what ``write`` or the system raised, such as a full disk.
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
    """Rename over ``target``; Windows refuses that while somebody reads it, so try again."""
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
    """Remove what writers that were killed left behind; only while nobody writes there."""
    for temporary in folder.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write an object as a JSON file."""
    write_text(path, json.dumps(record, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def parse_json(text: str | bytes) -> Any:
    """The value in a JSON text that somebody else may have written.

    Raises:
        ValueError: when it is damaged, nested too deep, or holds half a character (a lone
            surrogate), which can be neither shown nor written.
    """
    try:
        value = json.loads(text)
        if (b"\\ud" if isinstance(text, bytes) else "\\ud") in text.lower():  # type: ignore[operator]
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("the JSON is nested too deep") from error
    return value


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where it is missing or damaged."""
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def sha256(path: Path) -> str:
    """The file's digest in hexadecimal; empty where there is no such file, or nothing in it."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return hashlib.sha256(data).hexdigest()
    except (OSError, ValueError):
        return ""
