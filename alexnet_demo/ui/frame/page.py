"""The frame around every page: browser title, menu, the current run, and heading."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from alexnet_demo.common.access import Outcome
from alexnet_demo.common.text import without_folders
from alexnet_demo.jobs import queue
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import LIVE
from alexnet_demo.runs.store import current_run, get_run
from alexnet_demo.ui.components import auto_refresh
from alexnet_demo.ui.components.component import style
from alexnet_demo.ui.frame import tour
from alexnet_demo.ui.widgets import access, navigation
from alexnet_demo.ui.widgets.markdown import plain

NAME = "AlexNet Demo"
PAGES = (
    (navigation.HOME, "Home", ":material/home:"),
    (navigation.TOUR, "Tour", ":material/tour:"),
    (navigation.STORY, "Story", ":material/auto_stories:"),
    (navigation.TRAIN, "Train", ":material/model_training:"),
    (navigation.EXPERIMENTS, "Experiments", ":material/science:"),
    (navigation.ARCHITECTURE, "Architecture", ":material/layers:"),
    (navigation.PREDICT, "Predict", ":material/draw:"),
    (navigation.RESULTS, "Results", ":material/fact_check:"),
)
"""Script, label in the menu, and icon."""
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
POLL_SECONDS = 2.0
_TOAST = "toast"  # session state: a message for the next rerun


def page(title: str, lead: str = "", *, heading: str | None = None) -> None:
    """Begin a page. Every page calls this first, so that a link to any page works by itself.

    Args:
        title: of the browser tab, and the heading.
        lead: a sentence below the heading: what the page is for (Markdown).
        heading: if it differs from ``title``.
    """
    st.set_page_config(
        page_title=f"{title} · {NAME}",
        # A Material icon would be fetched from the web.
        page_icon=Path(__file__).with_name("icon.png"),
        layout="wide",
    )
    style(__file__)
    auto_refresh.reset()
    with st.sidebar:
        with st.container(key="menu", gap="xxsmall"):
            st.markdown(f"**{NAME}**")
            for script, label, icon in PAGES:
                navigation.link(script, label, icon, width="stretch")
        access.show_lock()
        _show_current_run()
    if message := st.session_state.pop(_TOAST, None):
        st.toast(plain(message))
    tour.show_bar()
    st.title(heading or title, anchor=False)
    if lead:
        with st.container(key="lead"):
            st.markdown(lead)


def _show_current_run() -> None:
    """The run in progress, else the newest one, refreshed while it trains."""
    queue.ensure_scheduler()
    run = current_run()
    if run is None:
        return
    st.divider()
    seconds = POLL_SECONDS if run.state in LIVE else None
    auto_refresh.auto_refresh(
        "current run", lambda: _run_status(run), lambda: _status(run.id)[1], seconds
    )
    if seconds:  # to stop polling once it ends, and let the page use its results
        auto_refresh.rerun_page("end of run", lambda: _status(run.id)[0], seconds)


@st.cache_resource(ttl=POLL_SECONDS / 2, max_entries=64, show_spinner=False)
def _status(run_id: str) -> tuple[bool, str]:
    """Whether a run is live, and what the menu shows of it; read once for all sessions."""
    run = get_run(run_id)
    if run is None:  # deleted meanwhile, perhaps in another tab
        return False, ""
    state = run.state
    return state in LIVE, f"{state} {run.name} {progress(run)}"


def _run_status(run: Run) -> None:
    with st.container(key="sidebar-run", gap="xsmall"):
        state_badge(run)
        st.markdown(f"**{plain(run.name)}**")
        st.caption(progress(run))


# ------------------------------------------------------------------ parts of several pages


def state_badge(run: Run) -> None:
    """The run's state, in color."""
    state: str = run.state
    st.badge(state.capitalize(), color=STATE_COLORS[state])  # type: ignore[arg-type]


def progress(run: Run) -> str:
    """A run's progress, such as ``2 of 4 epochs done · best test accuracy 85.1% of 2,000``."""
    history, epochs = run.history, run.config.epochs
    if not run.active:
        text = f"{history.epochs_done} of {epochs} epochs done"
    elif history.batches:
        text = f"Epoch {min(history.epochs_done + 1, epochs)} of {epochs}"
    else:
        text = "Starting the first epoch"
    silence = run.silence
    return " · ".join(map(str, [text, *([silence] if silence else []), *run.accuracies]))


def run_line(run: Run) -> None:
    """A run's state, name, and progress in a row."""
    with st.container(horizontal=True, vertical_alignment="center"):
        state_badge(run)
        st.markdown(f"**{plain(run.name)}**", width="content")
        st.markdown(f":gray[{progress(run)}]", width="content")


def visible_error(message: str) -> str:
    """A run's error message; without folder names for visitors."""
    return message if access.can_control() else without_folders(message)


def show_warning(run: Run) -> None:
    """Problems that do not end the run, if there are any."""
    if silence := run.silence:
        advice = f" {plain(silence.advice)}" if access.can_control() else ""
        st.warning(f"{silence}.{advice}", icon=":material/heart_broken:")
    if warning := run.warning:
        st.warning(plain(visible_error(warning)), icon=":material/warning:")


def toast_next(message: str) -> None:
    """Show a toast after the next rerun, which would remove one shown now."""
    st.session_state[_TOAST] = message


def show_outcome(outcome: Outcome) -> None:
    """After a successful action, rerun the page with a toast; else show the error in place."""
    if outcome.done:
        toast_next(outcome.message)
        st.rerun()
    st.error(plain(outcome.message), icon=":material/error:")
