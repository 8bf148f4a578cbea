"""The runs that wait for a device: place, expected start, and a way out."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.common.text import duration
from alexnet_demo.jobs import actions, queue
from alexnet_demo.jobs.queue import seconds_until_start
from alexnet_demo.runs.eta import seconds_left
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import active_runs, get_run, queued_runs
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

POLL_SECONDS = 2.0


def queue_view(shown: Run | None) -> None:
    """All runs that wait, brought up to date while there are some; nothing where there are none.

    Args:
        shown: the run that the page is about, marked where it is among them.
    """
    waiting = tuple(run.id for run in _all())
    if waiting:
        st.fragment(_view, run_every=POLL_SECONDS)(shown.id if shown else "", waiting)
        st.divider()


def _all() -> list[Run]:
    return [*queued_runs(), *queue.pending_on_cluster()]


def _view(shown: str, known: tuple[str, ...]) -> None:
    waiting, distant = queued_runs(), queue.pending_on_cluster()
    if tuple(run.id for run in (*waiting, *distant)) != known:
        st.rerun()  # the rest of the page follows
    st.subheader("Queue", anchor=False)
    st.caption(
        "One training at a time has a device; these wait for theirs and start by themselves."
    )
    trained = active_runs()
    for run in trained:
        _training(run, shown)
    with st.container(key="queue", gap="small"):
        for place, run in enumerate(waiting, 1):
            words = _expected(place, seconds_until_start(run, trained, waiting))
            _row(str(place), run, words, run.id == shown)
        for run in distant:
            _row("–", run, "starts as soon as the cluster has room", run.id == shown)


def _training(run: Run, shown: str) -> None:
    left = seconds_left(run, run.history)
    words = "" if left is None else f" · about {duration(left)} left"
    with st.container(horizontal=True, vertical_alignment="center"):
        page.state_badge(run)
        st.markdown(f"**{plain(run.name)}**{words}", width="content")
        if run.id != shown and st.button(
            "Watch", icon=":material/show_chart:", key=f"watch {run.id}"
        ):
            st.query_params["run"] = run.id
            st.rerun()


def _row(place: str, run: Run, words: str, marked: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(place, color="violet" if marked else "gray")
        st.markdown(f"**{plain(run.name)}**", width="content")
        st.markdown(f":gray[{words}]", width="content")
        if access.can_control():
            st.button(
                "Cancel",
                icon=":material/close:",
                key=f"cancel {run.id}",
                on_click=_cancel,
                args=(run.id,),
            )


def _expected(place: int, seconds: float | None) -> str:
    if seconds is None:
        return "starts next" if place == 1 else "starts after those before it"
    return "starts in a moment" if seconds < 1 else f"starts in about {duration(seconds)}"


def _cancel(run_id: str) -> None:
    run = get_run(run_id)
    if run is None:
        return
    page.toast_next(actions.cancel(run, role=access.role()).message)
    if not run.directory.exists() and st.query_params.get("run") == run_id:
        del st.query_params["run"]
