"""Long computations in background threads, one per kind at a time, shared by all sessions."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, Generic, TypeVar

import streamlit as st

from alexnet_demo.common.errors import BusyError
from alexnet_demo.common.text import duration
from alexnet_demo.ui.widgets.markdown import plain

T = TypeVar("T")
J = TypeVar("J", bound="Job[Any]")
MAX_PENDING = 4  # unfinished jobs of a kind; each holds a network in memory
MAX_IN_MEMORY = 16  # jobs whose results stay in memory; the disk has the others
KINDS = ("test", "training", "map")
_BUSY = "The server is evaluating several other models. Try again in a few minutes."
_ONCE = "Runs once; the result is cached."
_pending = {kind: BoundedSemaphore(MAX_PENDING) for kind in KINDS}
_running = {kind: Lock() for kind in KINDS}


@dataclass
class Job(Generic[T]):
    """A pass over a dataset.

    Attributes:
        key: what identifies the job: the SHA-256 of the weights file, and one of `KINDS`.
        total: number of images.
    """

    key: tuple[str, str]
    total: int
    done: int = 0
    future: Future[T] = field(default_factory=Future)

    def advance(self, count: int) -> None:
        """Count images as done."""
        self.done += count

    def progress(self) -> tuple[float, str]:
        """The fraction done, 0 to 1, and a description of it."""
        return min(1.0, self.done / self.total), f"{self.done:,} of {self.total:,}. {_ONCE}"

    @property
    def result(self) -> T | None:
        """The result; None until there is one."""
        return self.future.result() if self.future.done() and not self.error else None

    @property
    def error(self) -> str:
        """Why the job failed; empty if it did not."""
        error = self.future.exception() if self.future.done() else None
        return (str(error) or type(error).__name__) if error else ""


class TimedJob(Job[T]):
    """A job without countable steps: its progress is elapsed over expected time."""

    seconds: float | None = None
    _start = 0.0

    def expect(self, seconds: float) -> None:
        """Start the clock for a computation of about that many seconds."""
        self.seconds, self._start = seconds, time.monotonic()

    def progress(self) -> tuple[float, str]:
        if self.seconds is None:
            return 0.0, "estimating the time on this machine."
        elapsed = time.monotonic() - self._start
        text = f"about {duration(self.seconds)} on this machine, {duration(elapsed)} elapsed."
        return min(0.99, elapsed / self.seconds), f"{text} {_ONCE}"


def start(job: J, read_cache: Callable[[], T | None], compute: Callable[[J], T]) -> J:
    """Return the job of the same key that exists already, else start this one.

    Args:
        job: a new one.
        read_cache: returns the result from disk, or None.
        compute: returns the result; called in a thread, with the job to report progress to.
    """
    try:
        return _start(*job.key, job, read_cache, compute)
    except BusyError as error:
        job.future.set_exception(error)
        return job


@st.cache_resource(max_entries=MAX_IN_MEMORY, show_spinner=False)
def _start(digest: str, kind: str, _job: J, _read_cache: Any, _compute: Any) -> J:
    if (cached := _read_cache()) is not None:
        _job.future.set_result(cached)
    elif not _pending[kind].acquire(blocking=False):
        raise BusyError(_BUSY)  # an exception is not cached
    else:
        # A daemon thread, unlike those of a pool, does not delay the server's exit.
        Thread(target=_run, args=(kind, _job, _compute), name=kind, daemon=True).start()
    return _job


def _run(kind: str, job: J, compute: Callable[[J], Any]) -> None:
    with _running[kind]:
        job.future.set_running_or_notify_cancel()
        try:
            job.future.set_result(compute(job))
        except Exception as error:
            job.future.set_exception(error)
        finally:
            _pending[kind].release()


def show_progress(
    job: Job[Any], label: str, before_rerun: Callable[[], object] = lambda: None
) -> None:
    """Show a job's progress and rerun the page at its end, or show its error and a retry button.

    Args:
        job: one without a result.
        label: what the job does.
        before_rerun: called before the page is rerun.
    """
    if not job.error:
        st.fragment(_progress, run_every=0.5)(job, label, before_rerun)
        return
    st.error(plain(job.error), icon=":material/error:")
    if st.button("Try again", key=f"again {label}", icon=":material/refresh:"):
        _start.clear(*job.key)
        before_rerun()
        st.rerun()


def _progress(job: Job[Any], label: str, before_rerun: Callable[[], object]) -> None:
    if job.future.done():
        before_rerun()
        st.rerun()
    fraction, text = job.progress() if job.future.running() else (0.0, "queued.")
    st.progress(fraction, f"{label}: {text}")
