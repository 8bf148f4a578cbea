"""The results of twin runs: recorded ones, and runs on this machine, live while they train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from alexnet_demo.export import experiment_report
from alexnet_demo.figures.twin_runs import twin_curves
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import LIVE, State
from alexnet_demo.runs.store import list_runs
from alexnet_demo.runs.twin_runs import (
    Recorded,
    TwinRun,
    diverged,
    is_done,
    matching_runs,
    result,
    twin_run,
)
from alexnet_demo.settings.experiments import CRITERION, EXPERIMENTS, ONE_SEED, Experiment
from alexnet_demo.ui.components.auto_refresh import auto_refresh, rerun_page
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import TRAIN, link

POLL_SECONDS = 1.0


@st.cache_resource(ttl=POLL_SECONDS / 2, show_spinner=False)
def listed_runs() -> list[Run]:
    """As `list_runs`, once for all sessions; a run's state is still read at each access."""
    return list_runs()


def runs_here(experiment: Experiment) -> dict[int, dict[str, Run]]:
    """The runs of an experiment on this machine, by seed and label; see `matching_runs`."""
    return matching_runs(experiment, listed_runs())


def reload() -> None:
    """Look for runs again, because some were started."""
    listed_runs.clear()
    _state.clear()


def show_recorded(experiment: Experiment, record: Recorded, prediction: str) -> None:
    """The recorded runs, their verdict, and a report."""
    sentence = f"Recorded on {record.about['date']} on {record.about['device']}."
    _curves(experiment, record.runs)
    st.caption(f"{experiment.look} Bands: the range over the seeds on test images. {sentence}")
    _verdict(experiment, record.runs, prediction)
    _report_button(experiment, record.runs, prediction, sentence)


class _State(NamedTuple):
    """What the view of runs on this machine shows, to tell when it changes."""

    live: bool
    runs: tuple[tuple[str, str, int], ...]


@st.cache_resource(ttl=POLL_SECONDS / 2, max_entries=64, show_spinner=False)
def _state(name: str, seed: int) -> _State:
    """The state of the runs, read once for all sessions."""
    runs = runs_here(EXPERIMENTS[name]).get(seed, {})
    states = tuple((run.id, str(run.state), run.history.step) for run in runs.values())
    return _State(any(run.state in LIVE for run in runs.values()), states)


def show_here(experiment: Experiment, seed: int, prediction: str) -> None:
    """The runs of a seed, live while they train."""
    seconds = POLL_SECONDS if _state(experiment.name, seed).live else None
    auto_refresh(
        "twin runs",
        lambda: _runs(experiment, seed, prediction),
        lambda: _state(experiment.name, seed),
        seconds,
    )
    if seconds:
        rerun_page("twin runs live", lambda: _state(experiment.name, seed).live, seconds)


def _runs(experiment: Experiment, seed: int, prediction: str) -> None:
    found = runs_here(experiment).get(seed, {})
    for label, run in found.items():
        _status(label, run)
    runs = [twin_run(label, run) for label, run in found.items()]
    _curves(experiment, runs)
    st.caption(experiment.look)
    if len(found) == len(experiment.variants) and all(map(is_done, found.values())):
        _verdict(experiment, runs, prediction)
        _report_button(experiment, runs, prediction, "")


def _status(label: str, run: Run) -> None:
    """A run's state and progress in a row."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        page.state_badge(run)
        st.markdown(f"**{plain(label)}**", width="content")
        st.markdown(f":gray[{page.progress(run)}]", width="content")
        link(TRAIN, "View", ":material/show_chart:", state={"run": run.id})
    if run.state == State.FAILED and not diverged(run):
        st.error(plain(page.visible_error(run.error)), icon=":material/error:")


def _curves(experiment: Experiment, runs: Sequence[TwinRun]) -> None:
    for column, metric in zip(st.columns(2), ("loss", "accuracy"), strict=True):
        with column:
            figure = twin_curves(experiment, runs, metric)
            figure.update_layout(uirevision=experiment.name)
            reached = {run.variant: run.epochs[-1][f"test_{metric}"] for run in runs if run.epochs}
            numbers = ", ".join(f"{label} {value:.2f}" for label, value in reached.items())
            alt = f"{metric.capitalize()} by images seen; on test images: {numbers or 'none yet'}"
            live_plot(figure, alt, f"twin {metric}")


def _verdict(experiment: Experiment, runs: Sequence[TwinRun], prediction: str) -> None:
    """What the runs say, and whether that was predicted."""
    verdict = result(experiment, runs)
    if verdict is None:
        return
    with st.container(border=True, key="verdict", gap="small"):
        st.markdown(f"**Verdict: {experiment.options[verdict.outcome]}.**")
        if prediction == verdict.outcome:
            st.markdown(":material/check: You predicted that.")
        elif prediction:
            st.markdown(f":material/close: You predicted: {experiment.options[prediction]}.")
        if not verdict.as_expected:
            st.markdown(f"The usual expectation: {experiment.options[experiment.expected]}.")
        lines = (f"- **{plain(label)}**: {text}" for label, text in verdict.figures.items())
        st.markdown("\n".join(lines))
        for sentence in verdict.sentences:
            st.markdown(sentence)
        st.caption(CRITERION)
        if len({run.seed for run in runs}) == 1:
            st.caption(ONE_SEED)


def _report_button(
    experiment: Experiment, runs: Sequence[TwinRun], prediction: str, about: str
) -> None:
    st.download_button(
        "Report",
        lambda: experiment_report.render(experiment, runs, prediction, about),
        file_name=f"experiment-{experiment.name}.html",
        mime="text/html",
        icon=":material/description:",
        key="experiment report",
        on_click="ignore",
    )
