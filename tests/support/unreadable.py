"""A command of two processes, of which the second cannot read the newest checkpoint.

The first argument names the function of `checkpoint` that fails there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from alexnet_demo.cli.main import main
from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.network import checkpoint

NEWEST = {"load": "last.safetensors", "load_weights": "best.safetensors"}


def fail_for_newest(name: str) -> None:
    """Let a function that reads checkpoints fail for the newest file."""
    real = getattr(checkpoint, name)

    def read(path: Path, *arguments: Any) -> Any:
        if path.name == NEWEST[name]:
            raise CheckpointError(f"{path.name} cannot be read here.")
        return real(path, *arguments)

    setattr(checkpoint, name, read)


if __name__ == "__main__":
    function, *arguments = sys.argv[1:]
    if os.environ["RANK"] == "1":
        fail_for_newest(function)
    raise SystemExit(main(arguments))
