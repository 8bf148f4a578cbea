"""What the results of a run depend on besides its settings: versions and commit."""

from __future__ import annotations

import platform
import subprocess
from contextlib import suppress
from functools import cache
from importlib import metadata
from typing import Any

from alexnet_demo import __version__
from alexnet_demo.settings import paths


@cache
def provenance() -> dict[str, Any]:
    """Versions and commit, for the records of a run.

    The commit is that of this checkout, with ``-dirty`` if files differ from it; empty if unknown.
    """
    versions = {name: metadata.version(name) for name in ("torch", "torchvision", "numpy")}
    versions |= {"alexnet_demo": __version__, "python": platform.python_version()}
    command = ["git", "-C", str(paths.ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    commit = ""
    if (paths.ROOT / ".git").exists():
        with suppress(OSError, subprocess.TimeoutExpired):
            result = subprocess.run(command, capture_output=True, text=True, timeout=10)
            commit = result.stdout.strip()
    return {"versions": versions, "commit": commit}
