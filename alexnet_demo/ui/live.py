"""One run as it trains: state, controls, progress, curves, log."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from statistics import harmonic_mean, mean

import streamlit as st

from alexnet_demo import charts, jobs
from alexnet_demo.events import Event, History
from alexnet_demo.runs import ACTIVE, Run, State, get_run
from alexnet_demo.ui.live_plot import live_plot
from alexnet_demo.ui.shell import state_badge
from alexnet_demo.ui.wording import duration, memory, percent, plain

POLL_SECONDS = 0.8
RECENT = 10
"""Batch records that the figures average over: one batch says little."""


def live_view(run: Run) -> None:
    """Show a run, brought up to date about once a second while it trains."""
    state, epochs = run.state, len(run.history.epochs)
    st.fragment(_view, run_every=POLL_SECONDS if state in ACTIVE else None)(run.id, state, epochs)


def _view(run_id: str, last_state: State, last_epochs: int) -> None:
    run = get_run(run_id)
    if run is None:
        st.info("This run was deleted.", icon=":material/delete:")
        return
    _head(run)
    history = run.history
    if error := run.error:
        st.error(error, icon=":material/error:")
    _progress(run, history)
    _figures(run, history)
    _curves(run, history)
    with st.expander("Log", icon=":material/terminal:"):
        st.code(run.log_tail() or "Nothing yet.", language=None, wrap_lines=True)
    if run.state != last_state or len(history.epochs) != last_epochs:
        st.rerun()  # polling begins or stops, and the rest of the page follows


def _head(run: Run) -> None:
    """Name, state, and what can be done now."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.name), anchor=False, width="content")
        state_badge(run)
    state = run.state
    with st.container(horizontal=True):
        if run.active:
            waiting = state in ("pausing", "stopping")
            _control("Pause", "pause", run, disabled=waiting)
            _control("Stop", "stop", run, disabled=waiting)
        elif run.resumable:
            _control("Resume", "play_arrow", run)
        if not run.active and "run" in st.query_params:
            st.button(
                "New training",
                icon=":material/add:",
                key="new training",
                on_click=_leave_run,
            )
        with st.popover("Command", icon=":material/terminal:"):
            st.caption("The same training from a terminal:")
            command = ["python", "-m", "alexnet_demo", *run.config.command()]
            st.code(shlex.join(command), language="bash", wrap_lines=True)
    if message := st.session_state.pop("control message", None):
        st.error(message, icon=":material/error:")


def _leave_run() -> None:
    del st.query_params["run"]


def _control(label: str, icon: str, run: Run, disabled: bool = False) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        disabled=disabled,
        key=f"control {label}",
        type="primary" if label == "Resume" else "secondary",
        on_click=_act,
        args=(label, run),
    )


def _act(label: str, run: Run) -> None:
    """Carry out a click; the run's state, read right after, shows that it was heard."""
    if label == "Resume":
        outcome = jobs.resume(run)
    else:
        outcome = jobs.request(run, "pause" if label == "Pause" else "stop")
    if not outcome.done:
        st.session_state["control message"] = outcome.message


def _progress(run: Run, history: History) -> None:
    """What is being done, how far the epoch and the run have come."""
    epochs = run.config.epochs
    step = _step(history)
    done = len(history.epochs)
    if run.state == "starting":
        st.progress(0.0, "Loading PyTorch and the data…")
        return
    if run.active and done < epochs:
        if test := history.test:
            share = test["done"] / max(test["total"], 1)
            words = f"Testing after epoch {done + 1}: {percent(share, 0)}"
        else:
            share = step / run.config.steps_per_epoch - done
            words = f"Epoch {done + 1} of {epochs}: {percent(min(max(share, 0), 1), 0)}"
        st.progress(min(max(share, 0.0), 1.0), words)
    share = min(step / run.config.total_steps, 1.0)
    words = f"Whole run: {percent(share, 0)}, {min(done, epochs)} of {epochs} epochs done"
    left = _seconds_left(run, history)
    if run.active and left is not None:
        words += f", about {duration(left)} left"
    st.progress(share, words)


def _step(history: History) -> int:
    """The last step on record, of a batch or of the state that was resumed."""
    last = history.batches[-1]["step"] if history.batches else 0
    return max(last, (history.start or {}).get("step", 0))


def _seconds_left(run: Run, history: History) -> float | None:
    """Steps and tests still to come, at the pace of the last ones; None until there is one."""
    recent = [b["images_per_s"] for b in history.batches[-RECENT:] if b.get("images_per_s")]
    if not recent:
        return None
    pace = harmonic_mean(recent)
    config = run.config
    left = config.train_samples * (config.epochs - _step(history) / config.steps_per_epoch) / pace
    # Before the first test is timed: a forward pass is about a third of a training step.
    tests = [e["test_seconds"] for e in history.epochs if "test_seconds" in e]
    test = tests[-1] if tests else config.test_samples / (3 * pace)
    return left + test * (config.epochs - len(history.epochs))


def _figures(run: Run, history: History) -> None:
    best, recent = history.best, history.batches[-RECENT:]
    figures = {
        "Best test accuracy": percent(best["test_accuracy"], 2) if best else "–",
        "Train accuracy": _mean(recent, "accuracy", lambda value: percent(value)),
        "Train loss": _mean(recent, "loss", "{:.3f}".format),
        "Images/s": _mean(recent, "images_per_s", "{:,.0f}".format),
        "Trained for": duration(history.seconds),
        "Peak memory": memory(recent[-1]["peak_memory"]) if recent else "–",
    }
    with st.container(horizontal=True, key="run-figures"):
        for label, value in figures.items():
            st.metric(label, value, width="content")
    if history.start:
        st.caption(
            f"{history.start.get('device_name', '')} in {history.start.get('precision', '')}, "
            f"{history.start.get('parameters', 0):,} parameters, "
            f"{run.config.train_samples:,} training and {run.config.test_samples:,} test images, "
            f"batch {run.config.batch_size}, learning rate {run.config.lr:g}"
        )


def _mean(records: list[Event], field: str, words: Callable[[float], str]) -> str:
    values = [record[field] for record in records if field in record]
    return words(mean(values)) if values else "–"


def _curves(run: Run, history: History) -> None:
    """Accuracy and loss; the article's run of the full network is the dashed reference."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Dashed: the article's published run. Drag to zoom, double-click to reset.")
        log_scale = st.toggle("Logarithmic loss", key="log scale", width="content")
    for column, metric in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        log = log_scale and metric == "loss"
        figure = charts.training_curve(history, metric, run.config.epochs, log_scale=log)
        figure.update_layout(uirevision=f"{run.id} {log}")
        best = history.best
        reached = f"; best test accuracy {percent(best['test_accuracy'])}" if best else ""
        with column:
            live_plot(figure, f"{metric.capitalize()} by epoch of {run.name}{reached}", metric)
