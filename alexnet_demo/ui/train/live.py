"""One run as it trains: state, controls, progress, curves, log."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from statistics import mean
from typing import Literal

import streamlit as st
from plotly.graph_objects import Figure

from alexnet_demo.common.text import duration, memory, percent
from alexnet_demo.figures import training
from alexnet_demo.figures.theme import width_name
from alexnet_demo.figures.training import Axis
from alexnet_demo.jobs import actions
from alexnet_demo.runs.eta import current_width, seconds_left
from alexnet_demo.runs.events import Event
from alexnet_demo.runs.history import History
from alexnet_demo.runs.run import LIVE, Run, State
from alexnet_demo.runs.store import get_run, resolved_config
from alexnet_demo.settings.config import LIMITS
from alexnet_demo.settings.help import HELP
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.models import model_picker
from alexnet_demo.ui.train import script_button
from alexnet_demo.ui.train.form import WANTED
from alexnet_demo.ui.train.recorded import Curves, axis_choice, compare_with
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain

POLL_SECONDS = 1.0
CHANGES = {
    "epochs": "More than are done: it goes on. A schedule that falls stretches to the new end.",
    "lr_scale": "Multiplies the learning rate from here on.",
    "patience": HELP["patience"],
}
RECENT = 10
"""Batch records that the figures average over: one batch says little."""
PRECISION_HELP = (
    "fp32 calculates with numbers of 32 bits, bf16 and fp16 with 16 bits: faster on hardware made "
    "for it, a little less exact."
)


def live_view(run: Run) -> None:
    """Show a run, brought up to date about once a second while it trains."""
    state, epochs = run.state, len(run.history.epochs)
    st.fragment(_view, run_every=POLL_SECONDS if state in LIVE else None)(run.id, state, epochs)


def waiting_run(run: Run) -> None:
    """A run that can go on, in short: its curves stand further below."""
    with st.container(border=True, key="waiting-run", gap="small"):
        page.run_line(run)
        with st.container(horizontal=True, vertical_alignment="center"):
            _control("Resume", "play_arrow", run, key="resume waiting")
            st.caption("It goes on from where it stood. Or start a new one here:", width="content")


def _view(run_id: str, last_state: State, last_epochs: int) -> None:
    run = get_run(run_id)
    if run is None:
        st.info("This run was deleted.", icon=":material/delete:")
        return
    _head(run)
    history = run.history
    if error := page.visible_error(run.error):
        st.error(plain(error), icon=":material/error:")
    if warning := run.warning:
        st.warning(plain(page.visible_error(warning)), icon=":material/warning:")
    _progress(run, history)
    _figures(run, history)
    _curves(run, history)
    if access.can_control():  # it may name places on the server
        with st.expander("Log", icon=":material/terminal:"):
            st.code(run.log_tail() or "Nothing yet.", language=None, wrap_lines=True)
    if run.state != last_state or len(history.epochs) != last_epochs:
        st.rerun()  # polling begins or stops, and the rest of the page follows


def _head(run: Run) -> None:
    """Name, state, and what can be done now."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.name), anchor=False, width="content")
        page.state_badge(run)
    state, controls = run.state, access.can_control()
    with st.container(horizontal=True):
        if controls and run.active:
            waiting = state in ("pausing", "stopping")
            _control("Pause", "pause", run, disabled=waiting)
            _control("Stop", "stop", run, disabled=waiting)
        elif controls and run.resumable:
            _control("Resume", "play_arrow", run)
        if not run.active and run.best.is_file():
            _try(run)
        if controls and (run.active or "run" in st.query_params):
            asked = st.session_state.get(WANTED) and "run" not in st.query_params
            label, icon = ("Hide the form", "remove") if asked else ("New training", "add")
            if st.button(label, icon=f":material/{icon}:", key="new training"):
                st.query_params.pop("run", None)
                st.session_state[WANTED] = not asked
                st.rerun()  # the form stands outside of this part of the page
        if controls and run.changeable:
            with st.popover("Change", icon=":material/tune:"):
                _change(run)
        with st.popover("Command", icon=":material/terminal:"):
            st.caption("The same training from a terminal:")
            command = ["python", "-m", "alexnet_demo", *resolved_config(run).command()]
            st.code(shlex.join(command), language="bash", wrap_lines=True)
            script_button.script_button(resolved_config(run), "As a script", key="script of run")
    if run.stopped_early:
        st.caption(_why_early(run))
    elif controls and state == "finished" and run.resumable:
        st.caption("More epochs are planned now: Resume goes on with them.")
    if controls and state in ("paused", "stopped") and run.resumable:
        st.caption(f"{state.capitalize()} with all of it saved: Resume goes on from there.")
    if message := st.session_state.pop("control message", None):
        st.error(plain(message), icon=":material/error:")


def _why_early(run: Run) -> str:
    history, patience = run.history, run.config.patience
    epochs = f"Stopped early, after {history.epochs_done} epochs"
    if not patience or not history.best:
        return f"{epochs}."
    return (
        f"{epochs}: none of the last {patience} tested better than epoch {history.best['epoch']}."
    )


def _change(run: Run) -> None:
    """Settings that a run that waits may go on with changed."""
    config, values = run.config, {}
    with st.form(f"change {run.id}", border=False):
        for name, words in CHANGES.items():
            value = getattr(config, name)
            whole = isinstance(value, int)
            values[name] = st.number_input(
                LIMITS[name].label,
                value=value,
                step=1 if whole else 0.1,
                format="%d" if whole else "%g",
                help=f"{words} {LIMITS[name].range}.",
                key=f"change {name} {run.id}",
            )
        saved = st.form_submit_button("Save", icon=":material/save:", key=f"save change {run.id}")
    if not saved:
        return
    outcome = actions.change_settings(run, **values, role=access.role())
    if outcome.done:
        page.toast_next(outcome.message)
        st.rerun()
    st.error(plain(outcome.message), icon=":material/error:")


def _try(run: Run) -> None:
    emphasis: Literal["primary", "secondary"] = (
        "primary" if run.state == "finished" else "secondary"
    )
    if st.button("Try it on Predict", icon=":material/draw:", key="try run", type=emphasis):
        model_picker.open_predict(run)


def _control(label: str, icon: str, run: Run, disabled: bool = False, key: str = "") -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        disabled=disabled,
        key=key or f"control {label}",
        type="primary" if label == "Resume" else "secondary",
        on_click=_act,
        args=(label, run),
    )


def _act(label: str, run: Run) -> None:
    """Carry out a click; the run's state, read right after, shows that it was heard."""
    role = access.role()
    if label == "Resume":
        outcome = actions.resume(run, role=role)
    else:
        what: Literal["pause", "stop"] = "pause" if label == "Pause" else "stop"
        outcome = actions.request(run, what, role=role)
    if not outcome.done:
        st.session_state["control message"] = outcome.message


def _progress(run: Run, history: History) -> None:
    """What is being done, how far the epoch and the run have come."""
    epochs = run.config.epochs
    step = history.step
    done = history.epochs_done
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
    left = seconds_left(run, history)
    if run.active and left is not None:
        words += f", about {duration(left)} left"
    st.progress(share, words)


def _figures(run: Run, history: History) -> None:
    best, recent = history.best, history.batches[-RECENT:]
    # While it trains the last batches; afterwards what the table and the files say of the epoch.
    over = history.epochs[-1:] if history.epochs and not run.active else recent
    part = "" if over is recent else "train_"
    figures = {
        f"Best {run.config.tested_on} accuracy": percent(best["test_accuracy"], 2) if best else "–",
        "Train accuracy": _mean(over, f"{part}accuracy", lambda value: percent(value)),
        "Train loss": _mean(over, f"{part}loss", "{:.3f}".format),
        "Images/s": _mean(over, "images_per_s", "{:,.0f}".format),
        "Trained for": duration(history.seconds),
        "Peak memory": memory(recent[-1]["peak_memory"]) if recent else "–",
    }
    with st.container(horizontal=True, key="run-figures"):
        for label, value in figures.items():
            st.metric(label, value, width="content")
    if history.start:
        st.caption(
            f"{plain(history.start.get('device_name', ''))} in "
            f"{plain(history.start.get('precision', ''))}, "
            f"{width_name(current_width(run, history))}, {history.parameters:,} parameters, "
            f"{run.config.train_images:,} training and {run.config.tested_images:,} "
            f"{run.config.tested_on} images, "
            f"batch {run.config.batch_size}, "
            f"learning rate {run.config.lr * run.config.lr_scale:g}",
            help=PRECISION_HELP,
        )


def _mean(records: list[Event], field: str, words: Callable[[float], str]) -> str:
    values = [record[field] for record in records if field in record]
    return words(mean(values)) if values else "–"


def _curves(run: Run, history: History) -> None:
    """Accuracy and loss; the article's run of the full network is the dashed reference."""
    with st.container(horizontal=True, vertical_alignment="center"):
        words = st.empty()
        log_scale = st.toggle("Logarithmic loss", key="log scale", width="content")
        axis = axis_choice("live axis")
    dashed = "Dashed: the article's published run. " if axis == "epochs" else ""
    words.caption(f"{dashed}Drag to zoom, double-click to reset.")
    others = compare_with("live compare")
    for column, metric in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        log = log_scale and metric == "loss"
        beside = others if metric == "accuracy" else []
        names = tuple(name for name, _ in beside)
        shown = (metric, log, axis, run.config.epochs, names)
        figure = _curve(str(run.directory), shown, _recorded(history), run, beside)
        best = history.best
        reached = (
            f"; best {run.config.tested_on} accuracy {percent(best['test_accuracy'])}"
            if best
            else ""
        )
        with column:
            live_plot(figure, f"{metric.capitalize()} by epoch of {run.name}{reached}", metric)


def _recorded(history: History) -> tuple[float, ...]:
    """Changes whenever there is more to draw."""
    last = history.batches[-1]["time"] if history.batches else 0.0
    return len(history.batches), len(history.epochs), len(history.grow_events), last


@st.cache_resource(max_entries=64, show_spinner=False)
def _curve(
    directory: str,
    shown: tuple[str, bool, Axis, int, tuple[str, ...]],
    recorded: tuple[float, ...],
    _run: Run,
    _others: Curves,
) -> Figure:
    """One figure of a run, drawn anew only where records came in or another view is asked for."""
    metric, log, axis, epochs, _ = shown
    figure = training.training_curve(
        _run.history, metric, epochs, log_scale=log, others=_others, axis=axis
    )
    return figure.update_layout(uirevision=f"{_run.id} {log} {axis}")
