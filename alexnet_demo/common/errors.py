"""TODO docstring."""

from __future__ import annotations


class ConfigError(ValueError):
    """A setting cannot be used; the message is one sentence that says how to mend it."""


class CheckpointError(ValueError):
    """A file cannot be used as a checkpoint; the message is one sentence that says why."""


class ImageError(ValueError):
    """A picture cannot be used; the message is one sentence that says why."""


class DataError(RuntimeError):
    """The data set cannot be read; the message says which file and what to do."""


class TrainError(RuntimeError):
    """The training cannot go on; the message is one sentence for the user."""
