"""The frame around every page: browser title, navigation, heading, and the current run."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from alexnet_demo.common.access import Outcome
from alexnet_demo.common.text import percent, without_folders
from alexnet_demo.jobs import scheduler
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import LIVE
from alexnet_demo.runs.store import current_run, get_run
from alexnet_demo.ui.components.component import style
from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import (
    ARCHITECTURE,
    HOME,
    PREDICT,
    RESULTS,
    TOUR,
    TRAIN,
    link,
)

NAME = "AlexNet Demo"
# Script, name in the menu, icon.
PAGES = (
    (HOME, "Home", ":material/home:"),
    (TOUR, "Tour", ":material/tour:"),
    (TRAIN, "Train", ":material/model_training:"),
    (ARCHITECTURE, "Architecture", ":material/layers:"),
    (PREDICT, "Predict", ":material/draw:"),
    (RESULTS, "Results", ":material/fact_check:"),
)
STATE_COLORS = {
    "queued": "violet",
    "starting": "blue",
    "running": "green",
    "pausing": "orange",
    "paused": "orange",
    "stopping": "gray",
    "stopped": "gray",
    "finished": "blue",
    "failed": "red",
    "interrupted": "red",
}
_TOAST = "toast"  # session state: a message for the next run
_HERE = Path(__file__).parent


def page(title: str, lead: str = "", *, wide: bool = True, heading: str | None = None) -> None:
    """Begin a page; called first on every one, so that a link to any page works by itself.

    Args:
        title: name of the page, in the browser's tab and as its heading.
        lead: one sentence (Markdown) under the heading that says what the page is for.
        wide: use the width of the window up to a readable limit; else a narrow column.
        heading: a heading on the page that differs from ``title``.
    """
    st.set_page_config(
        page_title=f"{title} · {NAME}",
        page_icon=_HERE / "icon.png",  # a Material icon here would be fetched from the web
        layout="wide" if wide else "centered",
    )
    style(__file__)
    with st.sidebar:
        _menu()
        access.show_lock()
        _current_run()
    if message := st.session_state.pop(_TOAST, None):
        st.toast(plain(message))
    tour.bar()
    st.title(heading or title, anchor=False)
    if lead:
        with st.container(key="lead"):
            st.markdown(lead)


def state_badge(run: Run) -> None:
    """The run's state as a coloured word."""
    state: str = run.state
    st.badge(state.capitalize(), color=STATE_COLORS[state])  # type: ignore[arg-type]


def progress_line(run: Run) -> str:
    """How far a run has come, such as ``2 of 4 epochs done · best test accuracy 85.1 %``."""
    history = run.history
    done, planned = history.epochs_done, run.config.epochs
    if not run.active:
        words = [f"{done} of {planned} epochs done"]
    elif history.batches:
        words = [f"Epoch {min(done + 1, planned)} of {planned}"]
    else:
        words = ["First epoch not begun yet"]
    if history.best:
        words.append(
            f"best {run.config.eval_split} accuracy {percent(history.best['test_accuracy'])}"
        )
    return " · ".join(words)


def run_line(run: Run) -> None:
    """State, name and progress of a run, in a row."""
    with st.container(horizontal=True, vertical_alignment="center"):
        state_badge(run)
        st.markdown(f"**{plain(run.name)}**", width="content")
        st.markdown(f":gray[{progress_line(run)}]", width="content")


def visible_error(message: str) -> str:
    """A run's error as this session is told it: visitors do not learn where files lie."""
    return message if access.can_control() else without_folders(message)


def toast_next(message: str) -> None:
    """Show a passing message on the page's next run; one shown before a rerun would be lost."""
    st.session_state[_TOAST] = message


def show_outcome(outcome: Outcome) -> None:
    """Rerun the page with a toast where an action succeeded; else show the reason in place."""
    if outcome.done:
        toast_next(outcome.message)
        st.rerun()
    st.error(plain(outcome.message), icon=":material/error:")


def _menu() -> None:
    with st.container(key="menu", gap="xxsmall"):
        st.markdown(f"**{NAME}**")
        for script, label, icon in PAGES:
            link(script, label, icon, stretch=True)


def _current_run() -> None:
    """The run that trains now, else the newest, kept up to date while it trains."""
    scheduler.ensure_scheduler()
    run = current_run()
    if run is None:
        return
    st.divider()
    live = run.state in LIVE
    st.fragment(_run_state, run_every=2.0 if live else None)(run.id, live)


def _run_state(run_id: str, was_live: bool) -> None:
    run = get_run(run_id)
    if run is None:  # deleted meanwhile, perhaps in another tab
        return
    with st.container(key="sidebar-run", gap="xsmall"):
        state_badge(run)
        st.markdown(f"**{plain(run.name)}**")
        st.caption(progress_line(run))
    if was_live and run.state not in LIVE:
        st.rerun()  # polling stops, and pages offer what the run has given
