"""Arrays computed from a weights file, cached on disk under the file's SHA-256 digest.

Each epoch's weights have another digest, so the number of cached files is limited.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from alexnet_demo.common.files import write_atomically
from alexnet_demo.settings import paths

MAX_FILES = 60  # the largest hold 8 MB


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
    # safetensors writes the buffer as it is, whatever the strides.
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, lambda temporary: save_file(contiguous, temporary))
    with suppress(OSError):  # another server may delete the same files
        files = [(path.stat().st_mtime, path) for path in path.parent.glob("*.safetensors")]
        for _, path in sorted(files)[:-MAX_FILES]:
            path.unlink(missing_ok=True)


def load(digest: str, part: str = "") -> dict[str, np.ndarray]:
    """What `save` wrote; empty when the file is missing or damaged."""
    path = path_of(digest, part)
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError):
        return {}
    with suppress(OSError):
        path.touch()  # marks it as recently used
    return arrays
