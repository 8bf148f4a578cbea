"""The commands of ``python -m alexnet_demo``: options in, one call into the other packages, output.

Knows every package but `ui`."""
