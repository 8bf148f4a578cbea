"""TODO docstring."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from alexnet_demo.runs.events import Event, EventReader


class Foldable(Protocol):
    """What events are folded into, one after the other."""

    def add(self, event: Event, /) -> None: ...


F = TypeVar("F", bound=Foldable)


class _Follower(Generic[F]):
    """One file's reader and what it was folded into, shared by all threads of this process."""

    def __init__(self, path: Path, folded: F) -> None:
        self._reader, self._folded, self._lock = EventReader(path), folded, threading.Lock()

    @property
    def read_to(self) -> int:
        return self._reader.offset

    def update(self) -> F:
        with self._lock:
            for event in self._reader.read():
                self._folded.add(event)
            return self._folded


class Followers(Generic[F]):
    """Files that are read on as they grow, the least recently asked for forgotten first.

    Args:
        make: an empty fold.
        most: how many files to remember.
    """

    def __init__(self, make: Callable[[], F], most: int = 64) -> None:
        self._make, self._most, self._lock = make, most, threading.Lock()
        self._followers: OrderedDict[tuple[Path, int], _Follower[F]] = OrderedDict()

    def follow(self, path: Path) -> F:
        """What a file holds by now, folded; reads only what is new since the last call."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return self._make()
        key = (path, found.st_ino)
        with self._lock:
            follower = self._followers.pop(key, None)
            if follower is None or follower.read_to > found.st_size:  # cut short meanwhile
                follower = _Follower(path, self._make())
            self._followers[key] = follower
            while len(self._followers) > self._most:
                self._followers.popitem(last=False)
        return follower.update()
