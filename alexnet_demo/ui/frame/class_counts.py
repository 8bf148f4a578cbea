"""How many sessions are at which stop of the tour, and what they choose: counts, no names.

Off unless ``ALEXNET_DEMO_CLASS=1``. The counts are in this process's memory only. A session is
Streamlit's random id of it, which no page shows; nothing else about it or its reader is kept.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from streamlit import runtime

from alexnet_demo.common.access import Role, require_admin
from alexnet_demo.ui.frame.stops import STOPS

FORGET_SECONDS = 12 * 3600
"""A session that is idle for so long is forgotten."""
MAX_SESSIONS = 2_000
"""Beyond them, the one that was idle longest is forgotten."""


def is_on() -> bool:
    """Whether this server counts."""
    setting = os.environ.get("ALEXNET_DEMO_CLASS", "").strip().lower()
    return setting not in ("", "0", "false", "no", "off")


def _is_open(session: str) -> bool:
    # Without a server, as in tests of a page, there are no connections.
    return not runtime.exists() or runtime.get_instance().is_active_session(session)


@dataclass(frozen=True)
class StopCounts:
    """Counts of one stop.

    Attributes:
        here: open sessions that are at the stop now.
        first: sessions whose first choice was this option, by option.
        solved: sessions that have found the right option, at first or later.
    """

    here: int
    first: tuple[int, ...]
    solved: int

    @property
    def answered(self) -> int:
        """Sessions that have chosen something."""
        return sum(self.first)


@dataclass
class _Session:
    seen: float  # seconds
    stop: int | None = None
    first: dict[int, int] = field(default_factory=dict)  # option by stop
    solved: set[int] = field(default_factory=set)  # stops


class ClassCounts:
    """Counts the sessions of one server; safe to use from several threads.

    Stops are numbered from 1, options from 0.

    Args:
        clock: returns the time in seconds.
        is_open: whether a browser still shows the session.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        is_open: Callable[[str], bool] = _is_open,
    ) -> None:
        self._clock, self._is_open, self._lock = clock, is_open, Lock()
        self._sessions: dict[str, _Session] = {}  # the one that was idle longest comes first

    def visit(self, session_id: str, stop: int | None) -> None:
        """A session shows a stop, or a page without one, which starts no record."""
        with self._lock:
            if stop is not None or session_id in self._sessions:
                self._touch(session_id).stop = stop

    def choose(self, session_id: str, stop: int, option: int) -> None:
        """A session chooses an option."""
        with self._lock:
            session = self._touch(session_id)
            session.first.setdefault(stop, option)
            if STOPS[stop - 1].options[option].right:
                session.solved.add(stop)

    def snapshot(self) -> tuple[StopCounts, ...]:
        """The counts of each stop."""
        with self._lock:
            self._forget()
            sessions = self._sessions.values()
            here = Counter(s.stop for id_, s in self._sessions.items() if self._is_open(id_))
            first = Counter(choice for session in sessions for choice in session.first.items())
            solved = Counter(stop for session in sessions for stop in session.solved)
        return tuple(
            StopCounts(
                here[number],
                tuple(first[number, option] for option in range(len(stop.options))),
                solved[number],
            )
            for number, stop in enumerate(STOPS, 1)
        )

    def reset(self, role: Role) -> None:
        """Forget everything; open sessions are counted again once they do something.

        Raises:
            AccessError: for visitors of a read-only server.
        """
        require_admin(role)
        with self._lock:
            self._sessions.clear()

    def _touch(self, session_id: str) -> _Session:
        session = self._sessions.pop(session_id, None) or _Session(0)
        session.seen = self._clock()
        self._sessions[session_id] = session
        self._forget()
        return session

    def _forget(self) -> None:
        since = self._clock() - FORGET_SECONDS
        while self._sessions:
            longest_idle = next(iter(self._sessions))
            if len(self._sessions) <= MAX_SESSIONS and self._sessions[longest_idle].seen > since:
                break
            del self._sessions[longest_idle]


COUNTS = ClassCounts()
"""Of this server."""
