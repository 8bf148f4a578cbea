"""Included recorded runs: expected accuracy of a recipe, curves to compare with, and replays."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.common.text import duration, percent
from alexnet_demo.figures.training import Axis
from alexnet_demo.runs.history import History
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import recorded_runs
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.train.replay import SNAPSHOT, replay
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import REPLAY_ICON, WATCH, replayable_runs

Curves = list[tuple[str, History]]


def expectation(recipe: str) -> str:
    """A sentence on what recorded runs of this recipe reached; empty where there are none.

    Runs of another width or number of images do not count.
    """
    plain = TrainConfig.from_recipe(recipe)
    results = []
    for run in recorded_runs():
        config, history = run.config, run.history
        same = config.recipe == recipe and config.width == plain.width
        if same and config.train_images == plain.train_images and history.best and history.start:
            epochs = f" ({config.epochs} epochs)" if config.epochs != plain.epochs else ""
            results.append(_result(history) + epochs)
    return f"Recorded run: {'; '.join(results)}." if results else ""


def _result(history: History) -> str:
    best, start = history.best or {}, history.start or {}
    return (
        f"{percent(best['test_accuracy'])} test accuracy after {duration(best['elapsed'])} "
        f"on {start.get('device_name', 'an unknown device')} "
        f"in {start.get('precision', 'unknown precision')}"
    )


def compare_with(key: str) -> Curves:
    """A multiselect of recorded runs, empty at first; returns the selected ones."""
    histories = {run.name: run.history for run in recorded_runs() if run.history.epochs}
    if not histories:
        return []
    names = st.multiselect(
        "Compare with",
        list(histories),
        key=key,
        placeholder="Recorded runs",
        help="Runs included with this app.",
    )
    return [(name, histories[name]) for name in names]


def axis_choice(key: str) -> Axis:
    """A control for the x axis of curves."""
    axis = st.segmented_control(
        "x axis", ("epochs", "minutes"), default="epochs", key=key, required=True
    )
    return "minutes" if axis == "minutes" else "epochs"


# ------------------------------------------------------------------ replays


def requested() -> Run | None:
    """The recorded run that the address names as ``?watch=`` and its folder."""
    run_id = st.query_params.get(WATCH, "")
    return next((run for run in replayable_runs() if run.id == run_id), None)


def replay_buttons() -> None:
    """A button for each recorded run that has a replay."""
    for run in replayable_runs():
        st.button(
            f"Watch a training replay: {plain(run.name)}",
            icon=REPLAY_ICON,
            key=f"watch {run.id}",
            on_click=_open,
            args=(run.id,),
        )


def recorded_replay(run: Run) -> None:
    """The replay of a recorded run, in place of the rest of the page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(run.name)}**: {_result(run.history)}.", width="content")
        st.button("Back to Train", icon=":material/arrow_back:", key="leave watch", on_click=_close)
    replay(run, linked=True)


def _open(run_id: str) -> None:
    st.query_params.pop(SNAPSHOT, None)  # belongs to the run shown before
    st.query_params[WATCH] = run_id


def _close() -> None:
    for name in (WATCH, SNAPSHOT):
        st.query_params.pop(name, None)
