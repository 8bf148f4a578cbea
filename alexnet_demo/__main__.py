"""``python -m alexnet_demo``: see `cli`."""

import sys

from alexnet_demo.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
