"""A run's report to download, after its network was asked about the test pictures."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from alexnet_demo.common.errors import CheckpointError
from alexnet_demo.common.files import sha256
from alexnet_demo.export import report
from alexnet_demo.inference import predictions
from alexnet_demo.inference.predictions import Results
from alexnet_demo.runs.run import Run
from alexnet_demo.ui.models import background, model_loading, passes
from alexnet_demo.ui.widgets.markdown import plain

_WANTED = "report wanted"  # session state: the run whose report is waited for
_ABOUT = (
    "One HTML file with settings, curves, confusion matrix, mistakes and pinned pictures. It opens "
    "without a network and prints on A4."
)


def offer(run: Run) -> None:
    """The button: it downloads the report, or has the network asked first where it was not yet."""
    there, found = _answers(run)
    if there:
        st.download_button(
            "Report",
            lambda: report.render(run, found),  # made when clicked
            file_name=f"{run.id}.html",
            mime="text/html",
            icon=":material/description:",
            key="download report",
            help=_ABOUT,
            type="primary" if st.session_state.get(_WANTED) == run.id else "secondary",
        )
    elif st.button(
        "Make report",
        icon=":material/description:",
        key="make report",
        help=f"{_ABOUT} First the network is asked about all test pictures.",
        disabled=st.session_state.get(_WANTED) == run.id,
    ):
        st.session_state[_WANTED] = run.id
        st.rerun()


def wait(run: Run) -> None:
    """How far the asking has come, once somebody wants the report."""
    if st.session_state.get(_WANTED) != run.id or _answers(run)[0]:
        return
    try:
        classifier = model_loading.load(model_loading.best_option(run))
    except CheckpointError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    job = passes.evaluate_test_set(classifier)
    label = f"Running “{plain(run.name)}” on all test images, for the report"
    background.show_progress(job, label)


def _answers(run: Run) -> tuple[bool, Results | None]:
    """Whether all is there that the report can tell, and what the network says of the test set.

    Without weights there is nothing to ask.
    """
    try:
        stat = run.best.stat()
    except OSError:
        return True, None
    found = predictions.load(_digest(str(run.best), (stat.st_mtime_ns, stat.st_size)))
    return found is not None, found


@st.cache_data(max_entries=64, show_spinner=False)
def _digest(path: str, stamp: tuple[int, int]) -> str:
    """Of a file as it was at that time and of that size."""
    return sha256(Path(path))
