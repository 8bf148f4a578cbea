"""``python -m alexnet_demo``: see `cli`."""

import sys

from alexnet_demo.common.errors import explain_import

if __name__ == "__main__":
    try:
        from alexnet_demo.cli.main import main

        sys.exit(main())
    except KeyboardInterrupt:  # before or after the command itself, such as while importing
        sys.exit(130)
    except (ImportError, OSError, MemoryError) as error:  # while importing: `main` handles its own
        if sys.flags.dev_mode:
            raise
        sys.exit(f"alexnet_demo: {explain_import(error)}")
