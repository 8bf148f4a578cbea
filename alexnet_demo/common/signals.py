"""Signals that are heard for a while. Imports nothing of ours."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def signal_handlers(
    handler: Callable[[int, FrameType | None], object], *numbers: int
) -> Iterator[None]:
    """Call ``handler`` for these signals, and afterwards whatever was called before."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
