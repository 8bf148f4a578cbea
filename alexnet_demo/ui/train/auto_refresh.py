"""What other tabs and terminals start, queue and end: noticed here, so that the page follows."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.jobs import queue, scheduler
from alexnet_demo.runs.store import active_runs, queued_runs

WATCH_SECONDS = 3.0

Seen = tuple[frozenset[str], frozenset[str]]


def seen() -> Seen:
    """The ids of the runs that train now, and of those that wait."""
    waiting = (*queued_runs(), *queue.pending_on_cluster())
    return frozenset(run.id for run in active_runs()), frozenset(run.id for run in waiting)


def watch(known: Seen) -> None:
    """Run the page anew when a training begins, queues or ends elsewhere."""
    st.fragment(_compare, run_every=WATCH_SECONDS)(known)


def _compare(known: Seen) -> None:
    scheduler.ensure_scheduler()
    if seen() != known:
        st.rerun()
