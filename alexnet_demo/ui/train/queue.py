"""Queued runs: place, expected start, cancel. And a rerun when runs change outside this session."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.common.text import duration
from alexnet_demo.jobs import actions, queue
from alexnet_demo.runs.eta import seconds_left
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import active_runs, get_run, queued_runs
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

POLL_SECONDS = 2.0
REFRESH_SECONDS = 3.0

RunIds = tuple[frozenset[str], frozenset[str]]


def active_and_queued() -> RunIds:
    """Ids of the runs in training, and of those that are queued."""
    return frozenset(run.id for run in active_runs()), frozenset(run.id for run in _queued())


def refresh_on_change(before: RunIds) -> None:
    """Rerun the page when another tab or a terminal starts, queues, or ends a run."""
    st.fragment(_refresh, run_every=REFRESH_SECONDS)(before)


def _refresh(before: RunIds) -> None:
    queue.ensure_scheduler()
    if active_and_queued() != before:
        st.rerun()


def queue_view(shown: Run | None) -> None:
    """List all queued runs, polling while there are any; show nothing when there are none.

    Args:
        shown: the run shown on the page, highlighted in the queue.
    """
    ids = tuple(run.id for run in _queued())
    if ids:
        st.fragment(_view, run_every=POLL_SECONDS)(shown.id if shown else "", ids)
        st.divider()


def _queued() -> list[Run]:
    return [*queued_runs(), *queue.pending_on_cluster()]


def _view(shown: str, before: tuple[str, ...]) -> None:
    active, local, on_cluster = active_runs(), queued_runs(), queue.pending_on_cluster()
    if tuple(run.id for run in (*local, *on_cluster)) != before:
        st.rerun()  # the rest of the page follows
    st.subheader("Queue", anchor=False)
    st.caption("One run per device at a time; queued runs start automatically.")
    for run in active:
        _active_row(run, run.id == shown)
    with st.container(key="queue", gap="small"):
        for place, run in enumerate(local, 1):
            start = _expected_start(place, queue.seconds_until_start(run, active, local))
            _queued_row(str(place), run, start, run.id == shown)
        for run in on_cluster:
            _queued_row("–", run, "starts when the cluster has capacity", run.id == shown)


def _active_row(run: Run, shown: bool) -> None:
    left = seconds_left(run, run.history)
    remaining = "" if left is None else f" · about {duration(left)} left"
    with st.container(horizontal=True, vertical_alignment="center"):
        page.state_badge(run)
        st.markdown(f"**{plain(run.name)}**{remaining}", width="content")
        if not shown and st.button("View", icon=":material/show_chart:", key=f"watch {run.id}"):
            st.query_params["run"] = run.id
            st.rerun()


def _queued_row(place: str, run: Run, start: str, shown: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(place, color="violet" if shown else "gray")
        st.markdown(f"**{plain(run.name)}**", width="content")
        st.markdown(f":gray[{start}]", width="content")
        if access.can_control():
            st.button(
                "Cancel",
                icon=":material/close:",
                key=f"cancel {run.id}",
                on_click=_cancel,
                args=(run.id,),
            )


def _expected_start(place: int, seconds: float | None) -> str:
    if seconds is None:
        return "starts next" if place == 1 else "starts after the runs before it"
    return "starts in a moment" if seconds < 1 else f"starts in about {duration(seconds)}"


def _cancel(run_id: str) -> None:
    run = get_run(run_id)
    if run is None:
        return
    page.toast_next(actions.cancel(run, role=access.role()).message)
    if not run.directory.exists() and st.query_params.get("run") == run_id:
        del st.query_params["run"]
