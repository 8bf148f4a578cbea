"""Twin runs: predict what a change does, watch runs that differ in it, and read the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import streamlit as st

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.text import duration
from alexnet_demo.export import experiment_report
from alexnet_demo.figures.theme import width_name
from alexnet_demo.figures.twin_runs import twin_curves
from alexnet_demo.jobs import experiments
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import LIVE, State
from alexnet_demo.runs.store import list_runs, recorded_runs
from alexnet_demo.runs.twin_runs import (
    Recorded,
    TwinRun,
    diverged,
    is_done,
    recorded,
    result,
    runs_here,
    twin_run,
)
from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.settings.experiments import EXPERIMENTS, Experiment, differences
from alexnet_demo.ui.components.auto_refresh import auto_refresh, rerun_page
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.widgets import access, query_params, run_link
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import TRAIN, link

POLL_SECONDS = 1.0
RECORDED = "recorded"
_COMMON = {
    "train_samples": "{:,} training images",
    "epochs": "{} epochs",
    "batch_size": "batch size {}",
    "lr": "learning rate {:g}",
    "momentum": "momentum {:g}",
    "dropout": "dropout {:g}",
}
"""Settings worth naming, with their wording."""
_SHOWN = "experiment shown"  # session state: name of the experiment that the page last showed
_PREDICTIONS = "predictions"  # session state: outcome by experiment, which outlives its widget


@dataclass(frozen=True)
class _Results:
    """What there is to show of an experiment."""

    recorded: Recorded | None
    here: Mapping[int, Mapping[str, Run]]

    @property
    def names(self) -> list[str]:
        """Of the results, as in the address: `RECORDED`, and the seeds of runs on this machine."""
        return [RECORDED] * (self.recorded is not None) + [str(seed) for seed in self.here]

    def title(self, name: str) -> str:
        """Such as ``Recorded, 3 seeds`` or ``On this machine, seed 0``."""
        if name == RECORDED and self.recorded:
            return f"Recorded, {len({run.seed for run in self.recorded.runs})} seeds"
        return f"On this machine, seed {name}"


def show() -> None:
    """Choose an experiment, predict, see the result or run it, and make one's own."""
    experiment = _choose()
    st.subheader(experiment.title, anchor=False)
    st.markdown(experiment.question)
    _settings(experiment)
    results = _Results(recorded(experiment), runs_here(experiment))
    prediction = _predict(experiment)
    if not prediction and query_params.get("result") not in results.names:
        st.caption("Choose an answer, also if you are not sure: the result follows.")
        return
    if name := _choose_result(results):
        if name == RECORDED and results.recorded:
            _show_recorded(experiment, results.recorded, prediction)
        else:
            _show_here(experiment, int(name), prediction)
    if access.can_control():
        _start(experiment, results)
        _own_experiment()
    elif not results.names:
        access.show_notice()


def _choose() -> Experiment:
    """The experiment that the reader selects, which forgets the result shown of another one."""
    opened = "experiment" not in st.session_state
    name = query_params.choice(
        "Experiment", EXPERIMENTS, "experiment", format_func=lambda name: EXPERIMENTS[name].title
    )
    if st.session_state.get(_SHOWN) != name:
        st.session_state[_SHOWN] = name
        st.session_state.pop("result", None)
        query_params.put("result", st.query_params.get("result", "") if opened else "")
    elif opened:
        query_params.load("result")
    return EXPERIMENTS[name]


def _settings(experiment: Experiment) -> None:
    """What differs, and what all runs have in common."""
    variants = ", ".join(f"**{plain(label)}**" for label in experiment.variants)
    settings = vars(next(iter(experiment.configs().values())))
    same = [
        text.format(settings[name])
        for name, text in _COMMON.items()
        if name not in experiment.differing
    ]
    width = [] if "width" in experiment.differing else [width_name(settings["width"])]
    st.caption(
        f"Only this differs: {differences(experiment).lower()} ({variants}). The same in all runs: "
        f"{', '.join([*width, *same])}, and the seed."
    )


def _predict(experiment: Experiment) -> str:
    """The outcome that the reader predicts; empty before that."""
    predictions: dict[str, str] = st.session_state.setdefault(_PREDICTIONS, {})
    outcomes = list(experiment.options)
    before = predictions.get(experiment.name)
    outcome = st.radio(
        "What do you expect?",
        outcomes,
        index=outcomes.index(before) if before in outcomes else None,
        format_func=experiment.options.__getitem__,
        key=f"prediction {experiment.name}",
    )
    if outcome:
        predictions[experiment.name] = outcome
    return outcome or ""


def _choose_result(results: _Results) -> str:
    """Which result to show; empty if there is none."""
    names = results.names
    if not names:
        return ""
    if st.session_state.get("result") not in names:
        linked = query_params.get("result")
        st.session_state["result"] = linked if linked in names else names[0]
    selected = (
        st.segmented_control(
            "Result",
            names,
            key="result",
            format_func=results.title,
            label_visibility="collapsed",
            required=True,
        )
        or names[0]
    )
    query_params.put("result", selected)
    return selected


# ------------------------------------------------------------------ results


def _show_recorded(experiment: Experiment, record: Recorded, prediction: str) -> None:
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


def _show_here(experiment: Experiment, seed: int, prediction: str) -> None:
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
        if len({run.seed for run in runs}) == 1:
            st.caption(
                "One seed, one draw of weights and order: try another before you rely on it."
            )


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


# ------------------------------------------------------------------ new runs


def _start(experiment: Experiment, results: _Results) -> None:
    """Start the runs of a seed, where some are missing."""
    complete = {
        seed
        for seed, runs in results.here.items()
        if len(runs) == len(experiment.variants)
        and all(is_done(run) or run.state in LIVE for run in runs.values())
    }
    following = next(seed for seed in range(len(complete) + 1) if seed not in complete)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input(
            "Seed",
            0,
            int(SETTINGS["seed"].bounds[1]),
            following,
            width=120,
            key=f"twin seed {experiment.name} {following}",
        )
        clicked = st.button(
            "Run it here",
            icon=":material/play_arrow:",
            type="primary",
            key="run experiment",
            disabled=seed in complete,
        )
        about = (
            f"{len(experiment.variants)} runs, about {duration(experiment.seconds)} on two idle "
            "cores. They queue behind other runs."
        )
        done = "The runs of this seed are done or under way: choose another one."
        st.caption(done if seed in complete else about, width="stretch")
    with st.popover("Command", icon=":material/terminal:"):
        st.code(f"python -m alexnet_demo experiment {experiment.name} --seed {seed}")
    if clicked:
        _start_runs(experiment, int(seed))


def _start_runs(experiment: Experiment, seed: int) -> None:
    try:
        for label in experiment.variants:
            experiments.start(experiment, label, seed, role=access.role())
    except ConfigError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _state.clear()
    st.session_state.pop("result", None)
    query_params.put("result", str(seed))
    st.rerun()


def _own_experiment() -> None:
    """Open Train's form with the settings of a finished run."""
    runs = [run for run in (*list_runs(), *recorded_runs()) if run.state == State.FINISHED]
    if not runs:
        return
    with st.expander("Make your own experiment", icon=":material/experiment:"):
        st.markdown(
            "Start from a finished run, change one setting, and train again with the same seed. "
            "Then select both in the table of runs on Train: it draws their curves in one figure "
            "and lists what differs."
        )
        names = {run.id: run.name for run in runs}
        selected = st.selectbox("Run", names, format_func=names.__getitem__, key="own experiment")
        run = next(run for run in runs if run.id == selected)
        link(
            TRAIN,
            "Open these settings on Train",
            ":material/tune:",
            state=run_link.to_query(run.config.to_json()),
        )
