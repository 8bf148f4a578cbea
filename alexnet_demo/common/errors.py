"""TODO docstring."""

from __future__ import annotations


class ConfigError(ValueError):
    """A setting cannot be used; the message is one sentence that says how to mend it."""
