"""The commands of `python -m alexnet_demo`, one function each.

Knows everything but the pages."""
