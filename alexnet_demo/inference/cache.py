"""Arrays computed from a weights file, cached on disk under the file's SHA-256 digest.

Those of the included model come with it, in one file beside its weights. Each epoch's weights have
another digest, so the number of cached files is limited.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from alexnet_demo.common.files import write_atomically
from alexnet_demo.settings import paths

MAX_FILES = 60  # the largest hold 4 MB
_WEIGHTS = "weights"  # metadata of the included file: the digest of the weights


def path_of(digest: str, part: str = "") -> Path:
    """The cache file of the weights with this digest; ``part`` names further files beside it."""
    name = f"{digest[:32]}.{part}" if part else digest[:32]
    return paths.RUNS_DIR / ".results" / f"{name}.safetensors"


def save(digest: str, arrays: Mapping[str, np.ndarray], part: str = "") -> None:
    """Write arrays atomically, and delete the least recently used files of the folder.

    Raises:
        OSError: when the disk is full or read-only.
    """
    path = path_of(digest, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, arrays)
    with suppress(OSError):  # another server may delete the same files
        files = [(path.stat().st_mtime, path) for path in path.parent.glob("*.safetensors")]
        for _, path in sorted(files)[:-MAX_FILES]:
            path.unlink(missing_ok=True)


def load(digest: str, part: str = "") -> dict[str, np.ndarray]:
    """What `save` wrote or what comes with the weights; empty when missing or damaged."""
    if included := _load_included(digest, part):
        return included
    path = path_of(digest, part)
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError):
        return {}
    with suppress(OSError):
        path.touch()  # marks it as recently used
    return arrays


def included_path() -> Path:
    """The file that comes with the included model."""
    return paths.WEIGHTS_DIR / paths.SHIPPED_RESULTS


def save_included(path: Path, digest: str, parts: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write all parts for the weights with this digest to one file, as `load` takes them.

    Raises:
        OSError: when the disk is full or read-only.
    """
    arrays = {
        f"{part}/{name}" if part else name: array
        for part, own in parts.items()
        for name, array in own.items()
    }
    _write(path, arrays, {_WEIGHTS: digest})


def _load_included(digest: str, part: str) -> dict[str, np.ndarray]:
    """A part of the included file; empty unless it was computed from these weights."""
    try:
        with safe_open(included_path(), "numpy") as file:
            if (file.metadata() or {}).get(_WEIGHTS) != digest:
                return {}
            names = {name: name.rpartition("/") for name in file.keys()}  # noqa: SIM118
            return {
                own: file.get_tensor(name) for name, (of, _, own) in names.items() if of == part
            }
    except (OSError, SafetensorError):
        return {}


def _write(
    path: Path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None
) -> None:
    # safetensors writes the buffer as it is, whatever the strides.
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, lambda temporary: save_file(contiguous, temporary, metadata))
