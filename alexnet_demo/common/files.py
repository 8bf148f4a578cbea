"""Opening regular files only, atomic writes, tolerant JSON reading, and digests of files.

Whatever is in a run directory is opened by `open_file`: a directory may come from elsewhere, where
opening a FIFO would wait forever, and a link would lead a reader or a writer out of the directory.
"""

from __future__ import annotations

import errno
import hashlib
import json
import mmap
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

REPLACE_SECONDS = 1.0
MAX_BYTES = 64 * 2**20
"""Files above this size are not read in one piece; the largest that is, holds 16 pins."""


def open_file(path: Path, mode: str = "rb", **options: Any) -> IO[Any]:
    """Open a regular file, not by a link; never wait, as opening a FIFO would.

    Args:
        path: its folder may be a link. `link_target` gives that of a file which may be one itself.
        options: of `open`, such as ``encoding``.

    Raises:
        OSError: when the file is missing, may not be opened, or is not a regular file.
    """
    return open(path, mode, opener=_open_regular, **options)


def link_target(path: Path) -> Path:
    """What a link leads to; the path itself where it is none, or where links form a loop."""
    return Path(os.path.realpath(path))


def _open_regular(path: str, flags: int) -> int:
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_NOFOLLOW"):  # Windows has none of them
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "A link, not a regular file", path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", path)
    return descriptor


def read_bytes(path: Path) -> bytes:
    """The contents of a regular file.

    Raises:
        OSError: as `open_file`, or when it is larger than `MAX_BYTES`.
    """
    with open_file(path) as file:
        data: bytes = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, "File too large", str(path))
    return data


def read_text(path: Path) -> str:
    """The text of a regular file, with replacement characters; empty where it cannot be read."""
    try:
        return read_bytes(path).decode(errors="replace")
    except OSError:
        return ""


def is_file(path: Path) -> bool:
    """Whether this is a regular file, or a link to one; False where that cannot be determined.

    `Path.is_file` raises an error for a folder that may not be entered.
    """
    return os.path.isfile(path)  # noqa: PTH113


def is_readable(path: Path) -> bool:
    """Whether the first byte of a regular file can be read."""
    try:
        with open_file(path) as file:
            file.read(1)
    except OSError:
        return False
    return True


def children(folder: Path) -> list[Path]:
    """What is in a folder, by name; empty where it is missing or cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def prepare_output(path: Path) -> None:
    """Make the folders of a file to be written, before what it is to hold has been computed.

    Raises:
        OSError: when it cannot be written there, or when a device or pipe is there, such as
            ``/dev/null``: the rename of `write_atomically` would replace it.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def write_atomically(path: Path, write: Callable[[Path], object], keep: Path | None = None) -> None:
    """Call ``write(temporary_path)``, flush to disk, then rename over ``path``.

    Until the rename, the previous file stays intact.

    Args:
        keep: where to move the previous file; a kill between both renames leaves only this one.

    Raises:
        OSError: from ``write`` or the system, such as for a full disk.
    """
    # Shortened, because a name may have 255 bytes.
    temporary = path.with_name(f".{path.name[:50]}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        write(temporary)
        with open_file(temporary, "rb+") as file:
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
    if isinstance(text, bytes):
        text = text.decode()
    try:
        value = json.loads(text)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("the JSON is nested too deeply") from error
    return value


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty if the file is missing, damaged, or not a regular file."""
    try:
        record = parse_json(read_bytes(path))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file; empty if the file is missing or empty."""
    try:
        with (
            open_file(link_target(path)) as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            return hashlib.sha256(data).hexdigest()
    except (OSError, ValueError):
        return ""
