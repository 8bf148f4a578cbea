"""``python -m alexnet_demo``: see `cli`."""

import os
import signal
import sys
from types import FrameType

from alexnet_demo.common.errors import explain_import

INTERRUPTED = 130


def _interrupt(_signal: int, frame: FrameType | None) -> None:
    """End on Ctrl+C: at once while a module is imported, else by `KeyboardInterrupt`.

    An import can't be trusted to pass an exception on: raised under torch's C++ it aborts, and
    in a callback of the import system it is printed and forgotten.
    """
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            os._exit(INTERRUPTED)
        frame = frame.f_back
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
