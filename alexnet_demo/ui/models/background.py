"""Asking a network about a whole data set: in the background, once for all sessions, and kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import streamlit as st

from alexnet_demo.ui.widgets.markdown import duration, plain

if TYPE_CHECKING:  # torch takes seconds to import
    pass

T = TypeVar("T")
S = TypeVar("S", bound="Survey[Any]")
WAITING = 4  # surveys of a kind, the one at work included
MANY = "Several other networks are being asked at this moment: try again in a few minutes."
MOST = 16  # surveys held in memory; what is on disk is read again
_ONCE = "This is done once, then kept."


@dataclass
class Survey(Generic[T]):
    """What is asked of a network about many pictures, on its way or there."""

    total: int
    done: int = 0
    work: Future[T] = field(default_factory=Future)

    @property
    def share(self) -> float:
        """How far it has come, 0 to 1."""
        return min(1.0, self.done / self.total)

    @property
    def state(self) -> str:
        """How far it has come, in words."""
        return f"{self.done:,} of {self.total:,}. {_ONCE}"

    def tell(self, more: int) -> None:
        """Note that so many more pictures have been asked about."""
        self.done += more

    @property
    def found(self) -> T | None:
        """What it gave; None while it is on its way, or where it failed."""
        return self.work.result() if self.work.done() and not self.work.exception() else None

    @property
    def problem(self) -> str:
        """Why it failed, as a sentence; empty where it did not."""
        error = self.work.exception() if self.work.done() else None
        return (str(error) or type(error).__name__) if error else ""


class Drawing(Survey[T]):
    """One of which is known only how long it should take.

    Attributes:
        seconds: that, measured on this machine; None until it is.
    """

    seconds: float | None = None
    _began = 0.0

    def expect(self, seconds: float) -> None:
        """Begin to count."""
        self.seconds, self._began = seconds, time.monotonic()

    @property
    def share(self) -> float:
        """The share of that time that has gone; it may take longer."""
        gone = time.monotonic() - self._began
        return min(0.99, gone / self.seconds) if self.seconds else 0.0

    @property
    def state(self) -> str:
        if self.seconds is None:
            return "measuring how long it takes on this machine."
        gone = duration(time.monotonic() - self._began)
        return f"about {duration(self.seconds)} on this machine, {gone} gone. {_ONCE}"


class _Worker:
    """A thread that does one thing after the other.

    Unlike a pool's it does not keep a server that is stopped waiting until all is done.
    """

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have it done when all before it is."""
        future: Future[T] = Future()
        self._queue.put((future, work))
        return future

    def _work(self) -> None:
        while True:
            future, work = self._queue.get()
            future.set_running_or_notify_cancel()
            try:
                future.set_result(work())
            except Exception as error:
                future.set_exception(error)


class _Office:
    """The surveys of all sessions, one of each kind at work at a time."""

    def __init__(self) -> None:
        self.lock, self.surveys = Lock(), dict[tuple[str, str], Survey[Any]]()
        self.workers = {kind: _Worker(kind) for kind in ("test", "training", "map")}

    def survey(
        self,
        key: tuple[str, str],
        new: S,
        kept: Callable[[], T | None],
        ask: Callable[[S], T],
        again: bool = False,
    ) -> S:
        """The survey of that key: at hand, or kept on disk, or begun; ``again`` if it failed."""
        with self.lock:
            found: Any = self.surveys.get(key)
            if found is None or (again and found.problem):
                found = new
                if (old := kept()) is not None:
                    found.work.set_result(old)
                elif self._waiting(key[1]) >= WAITING:
                    found.work.set_exception(RuntimeError(MANY))
                    return found
                else:
                    found.work = self.workers[key[1]].submit(partial(ask, found))
                self.surveys[key] = found
                for other in list(self.surveys)[:-MOST]:
                    if self.surveys[other].work.done():
                        del self.surveys[other]
            return found

    def _waiting(self, kind: str) -> int:
        """Surveys of a kind that are not done; each holds a network in memory."""
        own = (survey for key, survey in self.surveys.items() if key[1] == kind)
        return sum(not survey.work.done() for survey in own)


@st.cache_resource(show_spinner=False)
def _office() -> _Office:
    return _Office()


def wait_for(
    survey: Survey[Any],
    asked: str,
    again: Callable[[], object],
    before_rerun: Callable[[], object] = lambda: None,
) -> None:
    """Show how far a survey has come, then rerun; or why it failed, and a way to begin anew.

    Args:
        survey: one that has found nothing yet.
        asked: what is done, in words.
        again: begins it anew.
        before_rerun: what to do before the page runs again.
    """
    if not survey.problem:
        st.fragment(_progress, run_every=0.5)(survey, asked, before_rerun)
        return
    st.error(plain(survey.problem), icon=":material/error:")
    if st.button("Try again", key=f"again {asked}", icon=":material/refresh:"):
        again()
        before_rerun()
        st.rerun()


def _progress(survey: Survey[Any], asked: str, before_rerun: Callable[[], object]) -> None:
    if survey.work.done():
        before_rerun()
        st.rerun()
    state = survey.state if survey.work.running() else "this waits its turn."
    st.progress(survey.share, f"{asked}: {state}")
