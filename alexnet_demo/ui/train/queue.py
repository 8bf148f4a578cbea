"""Queued runs: place, expected start, and cancel."""

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
    st.fragment(_view, run_every=POLL_SECONDS)(shown.id if shown else "", _ids(before))


def _ids(runs: Changing) -> list[set[str]]:
    return [{run.id for run in group} for group in runs]


def _view(shown: str, before: list[set[str]]) -> None:
    queue.ensure_scheduler()
    runs = active, queued, on_cluster = changing_runs()
    if _ids(runs) != before:
        st.rerun()  # the rest of the page follows
    if not queued and not on_cluster:
        return
    st.subheader("Queue", anchor=False)
    st.caption("One run per device at a time; queued runs start automatically.")
    for run in active:
        _active_row(run, run.id == shown)
    with st.container(key="queue", gap="small"):
        for place, run in enumerate(queued, 1):
            start = _expected_start(place, queue.seconds_until_start(run, active, queued))
            _queued_row(str(place), run, start, run.id == shown)
        for run in on_cluster:
            _queued_row("–", run, "starts when the cluster has capacity", run.id == shown)
    st.divider()


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
        st.markdown(f"**{plain(run.name)}** :gray[{start}]", width="content")
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
