"""Several runs side by side: their curves, and a table of what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from alexnet_demo.common.text import duration, no_formula
from alexnet_demo.figures import training
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.state import State
from alexnet_demo.settings.config import SETTINGS, differing
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.train.live import axis_choice, compare_with
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.one_of import one_of

_RESULTS: dict[str, Callable[[Run], str]] = {
    "State": lambda run: run.state.value,
    "Epochs": lambda run: f"{run.history.epochs_done} of {run.config.epochs}",
    "Best validation accuracy": lambda run: _accuracy(run, "best validation accuracy"),
    "Test accuracy": lambda run: _accuracy(run, "test accuracy"),
    "Best test accuracy": lambda run: _accuracy(run, "best test accuracy"),
    "Training time": lambda run: duration(run.history.seconds),
    "Parameters": lambda run: f"{run.history.parameters:,}" if run.history.parameters else "–",
    "Device": lambda run: no_formula(run.device),
}


def compare(selected: Sequence[Run]) -> None:
    """Curves of several runs in one figure, why some have none, and what differs."""
    names, title = ("accuracy", "loss"), str.capitalize
    metric = one_of("Metric", names, "compare", format_func=title)
    axis = axis_choice("overlay axis")
    runs = [(run.name, run.history) for run in selected if run.history.epochs]
    curves = runs + compare_with("overlay compare")
    figure = training.compare_runs(curves, metric, axis)
    figure.update_layout(uirevision=f"overlay {metric} {axis}")
    drawn = ", ".join(name for name, _ in curves)
    live_plot(figure, f"{title(metric)} by {axis} of {drawn or 'no run yet'}", "overlay")
    for run in selected:
        if reason := missing_curve(run):
            st.caption(f":material/info: **{plain(run.name)}** has no curve: {plain(reason)}")
    st.markdown("**What differs**")
    st.table(differences(selected), hide_index=True, alt="Settings and results that differ")


def missing_curve(run: Run) -> str:
    """Why a run has no curve, as a sentence; empty if it has one."""
    if run.history.epochs:
        return ""
    if not run.directory.is_dir():
        return "it was deleted."
    if run.state == State.QUEUED:
        return "it is queued."
    if run.active:
        return "its first epoch is not finished yet."
    reason = page.visible_error(run.error)
    return f"it {_ENDED[run.state]} before the end of its first epoch. {reason}".strip()


_ENDED = {
    State.PAUSED: "was paused",
    State.STOPPED: "was stopped",
    State.FAILED: "failed",
    State.INTERRUPTED: "was interrupted",
    State.FINISHED: "finished",
}


def differences(runs: Sequence[Run]) -> list[dict[str, str]]:
    """A row for each accuracy, and for each other result and setting that is not always the same.

    The column of a run has its name; names are made unique by the run's id.
    """
    names = [plain(run.name) for run in runs]
    columns = [
        name if names.count(name) == 1 else f"{name} ({plain(run.id)})"
        for name, run in zip(names, runs, strict=True)
    ]
    rows = {label: [result(run) for run in runs] for label, result in _RESULTS.items()}
    for name in differing([run.config for run in runs]):
        if name != "epochs":  # among the results
            values = (getattr(run.config, name) for run in runs)
            rows[SETTINGS[name].label] = [no_formula(SETTINGS[name].text(v)) for v in values]
    return [
        {"": label, **dict(zip(columns, row, strict=True))}
        for label, row in rows.items()
        if len(set(row)) > 1 or (label.endswith("accuracy") and "–" not in row)
    ]


def _accuracy(run: Run, name: str) -> str:
    return next((a.of(2) for a in run.accuracies if a.name == name), "–")
