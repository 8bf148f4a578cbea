"""``python -m alexnet_demo``: see `cli`."""

import os
import signal
import sys
from typing import Any

from alexnet_demo.common.errors import explain_import

INTERRUPTED = 130


def _interrupt(*_: Any) -> None:
    """End on Ctrl+C; at once while torch initializes, where an exception in C++ would abort."""
    spec = getattr(sys.modules.get("torch"), "__spec__", None)
    if getattr(spec, "_initializing", False):
        os._exit(INTERRUPTED)
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _interrupt)
    try:
        from alexnet_demo.cli.main import main

        sys.exit(main())
    except KeyboardInterrupt:  # before or after the command itself, such as while importing
        sys.exit(INTERRUPTED)
    except (ImportError, OSError, MemoryError) as error:  # while importing: `main` handles its own
        if sys.flags.dev_mode:
            raise
        sys.exit(f"alexnet_demo: {explain_import(error)}")
