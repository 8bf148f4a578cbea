"""Twin runs: predict what a change does, watch runs that differ in it, and read the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.text import duration
from alexnet_demo.figures.theme import width_name
from alexnet_demo.jobs import experiments
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import LIVE, State
from alexnet_demo.runs.store import recorded_runs
from alexnet_demo.runs.twin_runs import Recorded, is_done, recorded
from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.settings.experiments import EXPERIMENTS, Experiment, differences
from alexnet_demo.ui.experiments.twin_results import (
    listed_runs,
    reload,
    runs_here,
    show_here,
    show_recorded,
)
from alexnet_demo.ui.widgets import access, query_params, run_link
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import TRAIN, link
from alexnet_demo.ui.widgets.one_of import one_of

RECORDED = "recorded"
OWN = "own experiment open"  # session state: whether that section is open
_COMMON = {
    "train_samples": "{:,} training images",
    "epochs": "{} epochs",
    "batch_size": "batch size {}",
    "lr": "learning rate {:g}",
    "schedule": "{} schedule",
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
            show_recorded(experiment, results.recorded, prediction)
        else:
            show_here(experiment, int(name), prediction)
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
        st.session_state["result"] = query_params.get("result")
    selected = one_of("Result", names, "result", format_func=results.title, label_hidden=True)
    query_params.put("result", selected)
    return selected


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
        experiments.start(experiment, experiment.variants, seed, role=access.role())
    except ConfigError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    reload()
    st.session_state.pop("result", None)
    query_params.put("result", str(seed))
    st.rerun()


def _own_experiment() -> None:
    """Open Train's form with the settings of a finished run; runs are read once it is unfolded."""
    section = st.expander(
        "Make your own experiment", icon=":material/experiment:", key=OWN, on_change="rerun"
    )
    if not section.open:
        return
    runs = [run for run in (*listed_runs(), *recorded_runs()) if run.state == State.FINISHED]
    names = {run.id: run.name for run in runs}
    with section:
        st.markdown(
            "Start from a finished run, change one setting, and train again with the same seed. "
            "Then select both in the table of runs on Train: it draws their curves in one figure "
            "and lists what differs."
        )
        selected = st.selectbox("Run", names, format_func=names.__getitem__, key="own experiment")
        for run in runs:
            if run.id == selected:
                link(
                    TRAIN,
                    "Open these settings on Train",
                    ":material/tune:",
                    state=run_link.to_query(run.config.to_json()),
                )
