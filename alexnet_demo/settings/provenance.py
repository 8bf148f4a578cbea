"""What the results of a run depend on besides its settings: versions and commit."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib import metadata
from typing import Any

from alexnet_demo import __version__
from alexnet_demo.settings import paths


@cache
def provenance() -> dict[str, Any]:
    """Versions, and the commit if known, for the records of a run."""
    names = ("torch", "torchvision", "numpy")
    versions = {name: metadata.version(name) for name in names}
    versions |= {"alexnet_demo": __version__, "python": platform.python_version()}
    return {"versions": versions, "commit": _commit()}


def _commit() -> str:
    """The commit of this checkout, with ``-dirty`` if files differ from it; empty if unknown."""
    command = ["git", "-C", str(paths.ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if (paths.ROOT / ".git").exists() else ""
