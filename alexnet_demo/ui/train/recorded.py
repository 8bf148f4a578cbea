"""Runs that come with the program: what to expect of a recipe, and curves to compare with."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.common.text import duration, percent
from alexnet_demo.figures.training import Axis
from alexnet_demo.runs.history import History
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import recorded_runs
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.train.replay import MOMENT, replay
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import REPLAY_ICON, WATCH, replayable_runs

Curves = list[tuple[str, History]]


def expectation(recipe: str) -> str:
    """What recorded runs of a recipe reached, in a sentence; empty where there is none.

    Those of a narrower network or of fewer pictures are for comparing only.
    """
    plain = TrainConfig.from_recipe(recipe)
    alike = [
        run
        for run in recorded_runs()
        if run.config.recipe == recipe
        and (run.config.width, run.config.train_images) == (plain.width, plain.train_images)
    ]
    reached = [
        _reached(run.history)
        + (f", in {run.config.epochs} epochs" if run.config.epochs != plain.epochs else "")
        for run in alike
        if run.history.best and run.history.start
    ]
    return f"Recorded: {'; '.join(reached)}." if reached else ""


def _reached(history: History) -> str:
    best, start = history.best or {}, history.start or {}
    return (
        f"{percent(best['test_accuracy'])} after {duration(best['elapsed'])} "
        f"on {start.get('device_name', 'an unknown device')}, "
        f"in {start.get('precision', 'unknown precision')}"
    )


def compare_with(key: str) -> Curves:
    """Let the reader choose recorded runs, none at first."""
    names = {run.name: run.history for run in recorded_runs() if run.history.epochs}
    if not names:
        return []
    chosen = st.multiselect(
        "Compare with",
        list(names),
        key=key,
        placeholder="Recorded runs",
        help="Runs that come with this program.",
    )
    return [(name, names[name]) for name in chosen]


def watched() -> Run | None:
    """The recorded run that the address asks to be watched: ``?watch=`` and its folder's name."""
    asked = st.query_params.get(WATCH, "")
    return next((run for run in replayable_runs() if run.id == asked), None)


def offer_to_watch() -> None:
    """On Train, a button for each recorded run that can be watched."""
    for run in replayable_runs():
        st.button(
            f"Watch a recorded training: {plain(run.name)}",
            icon=REPLAY_ICON,
            key=f"watch {run.id}",
            on_click=_watch,
            args=(run.id,),
        )


def watch(run: Run) -> None:
    """A recorded run, from its first moment to its last."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(run.name)}**: {_reached(run.history)}.", width="content")
        st.button(
            "Back to training",
            icon=":material/arrow_back:",
            key="leave watch",
            on_click=_leave,
        )
    replay(run, linked=True)


def _watch(run_id: str) -> None:
    st.query_params.pop(MOMENT, None)  # of the run shown before
    st.query_params[WATCH] = run_id


def _leave() -> None:
    for name in (WATCH, MOMENT):
        st.query_params.pop(name, None)


def axis_choice(key: str) -> Axis:
    """Let the reader choose what curves run along."""
    axis = st.segmented_control(
        "x axis", ("epochs", "minutes"), default="epochs", key=key, required=True
    )
    return "minutes" if axis == "minutes" else "epochs"
