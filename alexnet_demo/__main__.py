"""``python -m alexnet_demo``: see `cli`."""

import sys

if __name__ == "__main__":
    try:
        from alexnet_demo.cli.main import main

        sys.exit(main())
    except KeyboardInterrupt:  # before or after the command itself, such as while importing
        sys.exit(130)
