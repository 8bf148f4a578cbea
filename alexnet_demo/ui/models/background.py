"""Long computations in background threads, one per kind at a time, shared by all sessions."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from threading import BoundedSemaphore, Lock, Thread
from typing import Generic, TypeVar

import streamlit as st

from alexnet_demo.common.text import duration
from alexnet_demo.ui.widgets.markdown import plain

T = TypeVar("T")
MAX_PENDING = 4  # unfinished jobs of a kind; each holds a network in memory
MAX_IN_MEMORY = 16  # jobs whose results stay in memory; the disk has the others
MAX_TRIALS = 64  # jobs with small results that are nowhere else
PARTIAL_SECONDS = 2.0  # between two looks at a partial result, which redraw the view of it
_pending = defaultdict[str, BoundedSemaphore](lambda: BoundedSemaphore(MAX_PENDING))
_running = defaultdict[str, Lock](Lock)


@dataclass
class Job(Generic[T]):
    """A long computation, whose progress is counted in images or, if there are none, in time.

    Attributes:
        digest: SHA-256 of the weights file.
        kind: what is computed; jobs of a kind run one at a time.
        total: number of images to process, of which ``done`` are.
        partial: the result for these; None before the first ones, and where there is none.
        seconds: expected duration, once estimated.
        began: when the computation began, by the monotonic clock.
        result: None until there is one.
        error: why the job failed; empty if it did not.
    """

    digest: str
    kind: str
    total: int = 0
    done: int = 0
    partial: T | None = None
    seconds: float | None = None
    began: float = 0.0
    running: bool = False
    result: T | None = None
    error: str = ""

    def count(self, done: int) -> None:
        """Tell how many images are processed."""
        self.done = done

    def report(self, done: int, partial: T) -> None:
        """Tell how many images are processed, and the result for these."""
        self.done, self.partial = done, partial

    def expect(self, seconds: float) -> None:
        """Start the clock for a computation of about that many seconds."""
        self.seconds, self.began = seconds, time.monotonic()

    def progress(self) -> tuple[float, str]:
        """The fraction done, 0 to 1, and a description of it."""
        if not self.running:
            return 0.0, "queued."
        elapsed = time.monotonic() - self.began
        if self.total:
            fraction, text = self.done / self.total, f"{self.done:,} of {self.total:,}"
            if fraction:
                text += f", about {duration(elapsed * (1 / fraction - 1))} left"
        elif self.seconds is None:
            return 0.0, "estimating the time on this machine."
        else:
            fraction = min(0.99, elapsed / self.seconds)
            text = f"about {duration(self.seconds)} on this machine, {duration(elapsed)} elapsed"
        return min(1.0, fraction), f"{text}. Runs once; results are cached."


@st.cache_resource(max_entries=MAX_IN_MEMORY, show_spinner=False)
def start(
    digest: str,
    kind: str,
    total: int,
    _read_cache: Callable[[], T | None],
    _compute: Callable[[Job[T]], T],
) -> Job[T]:
    """Start a job, once for all sessions; arguments as in `Job`.

    Args:
        _read_cache: returns the result from disk, or None.
        _compute: returns the result; called in a thread, with the job to report progress to.
    """
    return _start(Job[T](digest, kind, total, result=_read_cache()), _compute)


@st.cache_resource(max_entries=MAX_TRIALS, show_spinner=False)
def start_trial(digest: str, kind: str, total: int, _compute: Callable[[Job[T]], T]) -> Job[T]:
    """As `start`, for small results that no disk has; many of them displace no other job's.

    Args:
        digest: of the weights, followed by what is tried with them.
    """
    return _start(Job[T](digest, kind, total), _compute)


def _start(job: Job[T], compute: Callable[[Job[T]], T]) -> Job[T]:
    """Compute the result of a job in a thread, unless it has one."""

    def run() -> None:
        with _running[job.kind]:
            job.running, job.began = True, time.monotonic()
            try:
                job.result = compute(job)
            except Exception as error:
                job.error = str(error) or type(error).__name__
            finally:
                job.running = False
                _pending[job.kind].release()

    if job.result is None and _pending[job.kind].acquire(blocking=False):
        # A daemon thread, unlike those of a pool, does not delay the server's exit.
        Thread(target=run, name=job.kind, daemon=True).start()
    elif job.result is None:
        job.error = "The server is evaluating other models. Try again in a few minutes."
    return job


def show_progress(
    job: Job[T],
    label: str,
    before_rerun: Callable[[], object] = lambda: None,
    show_partial: Callable[[T], object] | None = None,
) -> None:
    """Show the progress of a job without a result, or its error and a retry button.

    Args:
        label: what the job does.
        before_rerun: called before the page is rerun, at the end of the job or to retry it.
        show_partial: shows the result for the images processed so far, each time anew.
    """
    if not job.error:
        seconds = 0.5 if show_partial is None else PARTIAL_SECONDS
        st.fragment(_progress, run_every=seconds)(job, label, before_rerun, show_partial)
        return
    st.error(plain(job.error), icon=":material/error:")
    if st.button("Try again", key=f"again {label}", icon=":material/refresh:"):
        for cached in (start, start_trial):
            cached.clear(job.digest, job.kind, job.total)
        before_rerun()
        st.rerun()


def _progress(
    job: Job[T],
    label: str,
    before_rerun: Callable[[], object],
    show_partial: Callable[[T], object] | None,
) -> None:
    if job.result is not None or job.error:
        before_rerun()
        st.rerun()
    fraction, text = job.progress()
    st.progress(fraction, f"{label}: {text}")
    if show_partial and job.partial is not None:
        show_partial(job.partial)
