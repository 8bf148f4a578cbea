"""Queued runs: place, expected start, and cancel."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from alexnet_demo.common.text import duration
from alexnet_demo.jobs import actions, queue
from alexnet_demo.runs.eta import seconds_left
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import active_runs, get_run, queued_runs
from alexnet_demo.ui.components.auto_refresh import auto_refresh, rerun_page
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

POLL_SECONDS = 2.0

Changing = tuple[list[Run], list[Run], list[Run]]


def changing_runs() -> Changing:
    """Active runs, runs queued here, and runs queued on a cluster."""
    return active_runs(), queued_runs(), queue.pending_on_cluster()


def queue_view(shown: Run | None, before: Changing) -> None:
    """Show the queue, if any, and rerun the page when a run starts, queues, or ends elsewhere.

    Args:
        shown: the run shown on the page, highlighted in the queue.
        before: the `changing_runs` that the page was drawn for.
    """
    rerun_page("changing runs", lambda: _shared().ids, POLL_SECONDS, shown=_ids(before))
    shown_id = shown.id if shown else ""
    auto_refresh("queue", lambda: _view(shown_id), lambda: _shared().rows, POLL_SECONDS)


class _Row(NamedTuple):
    """A run that trains or waits: its place in the queue, if any, and its time left or its wait."""

    run_id: str
    name: str
    place: str
    time: str


class _Queue(NamedTuple):
    ids: tuple[frozenset[str], ...]
    rows: list[_Row]


def _read() -> _Queue:
    queue.ensure_scheduler()
    runs = active, queued, on_cluster = changing_runs()
    rows = [_Row(run.id, run.name, "", _time_left(run)) for run in active]
    for place, run in enumerate(queued, 1):
        start = _expected_start(place, queue.seconds_until_start(run, active, queued))
        rows.append(_Row(run.id, run.name, str(place), start))
    for run in on_cluster:
        rows.append(_Row(run.id, run.name, "–", "starts when the cluster has capacity"))
    return _Queue(_ids(runs), rows if queued or on_cluster else [])


@st.cache_resource(ttl=POLL_SECONDS / 2, show_spinner=False)
def _shared() -> _Queue:
    """The queue, read once for all sessions."""
    return _read()


def _ids(runs: Changing) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(run.id for run in group) for group in runs)


def _view(shown: str) -> None:
    rows = _read().rows
    if not rows:
        return
    st.subheader("Queue", anchor=False)
    st.caption("One run per device at a time; queued runs start automatically.")
    for row in rows:
        if not row.place:
            _active_row(row, row.run_id == shown)
    with st.container(key="queue", gap="small"):
        for row in rows:
            if row.place:
                _queued_row(row, row.run_id == shown)
    st.divider()


def _time_left(run: Run) -> str:
    left = seconds_left(run, run.history)
    return "" if left is None else f" · about {duration(left)} left"


def _active_row(row: _Row, shown: bool) -> None:
    run, key = get_run(row.run_id), f"watch {row.run_id}"
    with st.container(horizontal=True, vertical_alignment="center"):
        if run:
            page.state_badge(run)
        st.markdown(f"**{plain(row.name)}**{row.time}", width="content")
        if not shown and st.button("View", icon=":material/show_chart:", key=key):
            st.query_params["run"] = row.run_id
            st.rerun()


def _queued_row(row: _Row, shown: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(row.place, color="violet" if shown else "gray")
        st.markdown(f"**{plain(row.name)}** :gray[{row.time}]", width="content")
        if access.can_control():
            st.button(
                "Cancel",
                icon=":material/close:",
                key=f"cancel {row.run_id}",
                on_click=_cancel,
                args=(row.run_id,),
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
