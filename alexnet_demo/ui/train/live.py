"""One run: state, controls, progress, curves, and log, refreshed while it trains."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean
from typing import Literal, NamedTuple

import streamlit as st

from alexnet_demo.common.text import duration, memory, percent, precision_name
from alexnet_demo.figures import training
from alexnet_demo.figures.theme import width_name
from alexnet_demo.figures.training import Axis
from alexnet_demo.jobs import actions
from alexnet_demo.runs.eta import current_width, seconds_left
from alexnet_demo.runs.events import Event
from alexnet_demo.runs.history import History
from alexnet_demo.runs.run import Run, has_weights
from alexnet_demo.runs.state import ACTIVE, LIVE, State
from alexnet_demo.runs.store import get_run, recorded_runs, resolved_config
from alexnet_demo.settings.article import ARTICLE_TEST_ACCURACY
from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.ui.components.auto_refresh import auto_refresh, rerun_page
from alexnet_demo.ui.components.plot import Plot, live_plot
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.models.model_loading import CHOICE
from alexnet_demo.ui.train.details import code
from alexnet_demo.ui.train.fields import number_field
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import PREDICT
from alexnet_demo.ui.widgets.one_of import one_of

POLL_SECONDS = 1.0
RECENT = 10  # batch records to average over; a single batch is noisy
Curves = list[tuple[str, History]]  # name and history of each run
_ABOUT = {
    "Best validation accuracy": "The best epoch's, on held-out training images. Of several tries, "
    "the best one was also lucky with these images, so this is slightly optimistic.",
    "Test accuracy": "The best epoch's weights on the test set, which is used only after "
    f"training. The article reached {percent(ARTICLE_TEST_ACCURACY[-1], 2)} with its last epoch's.",
    "Best test accuracy": "The best epoch's, chosen by the test images themselves, so slightly "
    "optimistic for new images.",
    "Train accuracy": "On training images as the network saw them: augmented, with dropout, and "
    "averaged over steps that changed the weights. So accuracy on held-out images can be higher.",
}
"""Help of some figures, by label."""
_MESSAGE = "control message"  # session state: why a click on a control failed


def live_view(run: Run) -> None:
    """Show a run, and what is new of it every second while it trains."""
    state = run.state
    seconds = POLL_SECONDS if state in LIVE else None
    # Slower than the figures, which so are drawn with every request.
    slower = 2 * seconds if seconds else None
    auto_refresh("head", lambda: _head(run.id, state), lambda: _versions(run.id).head, slower)
    auto_refresh("figures", lambda: _figures(run), lambda: _versions(run.id).figures, seconds)
    if seconds:
        rerun_page("run", lambda: _versions(run.id).page, seconds)
    st.fragment(_curves)(run, seconds)
    if access.can_control():  # the log may name folders on the server
        auto_refresh("log", lambda: _log(run), lambda: _versions(run.id).log, seconds)


def resume_card(run: Run) -> None:
    """A short view of a run that can be resumed; its curves are further down the page."""
    with st.container(border=True, key="waiting-run", gap="small"):
        page.run_line(run)
        with st.container(horizontal=True, vertical_alignment="center"):
            _control("Resume", "play_arrow", run, key="resume waiting")
            st.caption("Resume from the last checkpoint, or start a new run:", width="content")


class _Versions(NamedTuple):
    """What the parts of the view show, to tell when they change."""

    page: tuple[str, ...] | None
    head: str
    figures: int
    curves: tuple[float, ...]
    log: str


@st.cache_resource(ttl=POLL_SECONDS / 2, max_entries=64, show_spinner=False)
def _versions(run_id: str) -> _Versions:
    """Read a run once for all sessions."""
    run = get_run(run_id)
    if run is None:  # deleted
        return _Versions(None, "", 0, (), "")
    page = (run.state, run.name, run.warning)
    history, head = run.history, str(run.silence or "")
    return _Versions(page, head, history.updates, _curve_version(history), run.log_tail())


def _curve_version(history: History) -> tuple[float, ...]:
    """Changes every two seconds at first, then less often, when two seconds add no pixel."""
    seconds = history.seconds
    step = min(10.0, max(2.0, 2.0 ** int(math.log2(1 + seconds / 100))))
    return (history.marks, len(history.epochs), len(history.grow_events), seconds // step)


def _head(run_id: str, last_state: State) -> None:
    """Name, state, controls, and messages."""
    run = get_run(run_id)
    if run is None:
        st.info("This run was deleted.", icon=":material/delete:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(run.name), anchor=False, width="content")
        page.state_badge(run)
    _controls(run)
    _notes(run)
    if run.state != last_state:  # after a click on a control
        st.rerun()  # polling starts or stops, and the rest of the page follows


def _controls(run: Run) -> None:
    """Buttons for what can be done now."""
    state, controls = run.state, access.can_control()
    with st.container(horizontal=True):
        if controls and run.active:
            requested = state in ("pausing", "stopping")
            _control("Pause", "pause", run, disabled=requested)
            _control("Stop", "stop", run, disabled=requested)
        elif controls and run.resumable:
            _control("Resume", "play_arrow", run)
        if not run.active and has_weights(run.best):
            try_button(run, "try run", "primary" if state == "finished" else "secondary")
        if controls and "run" in st.query_params and not (run.active or run.resumable):
            st.button("New run", icon=":material/add:", key="leave run", on_click=_leave_run)
        if controls and run.changeable:
            with st.popover("Change", icon=":material/tune:"):
                _change(run)
        with st.popover("Command", icon=":material/terminal:"):
            code(resolved_config(run), "script of run")


def try_button(run: Run, key: str, kind: Literal["primary", "secondary"] = "primary") -> None:
    """Open Predict with a run's best weights."""
    if st.button("Try on Predict", icon=":material/draw:", key=key, type=kind):
        st.session_state[CHOICE] = f"{run.id}/best"
        st.switch_page(PREDICT)


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
    """Carry out a click, before the page reads the run's state again."""
    role = access.role()
    if label == "Resume":
        outcome = actions.resume(run, role=role)
    else:
        outcome = actions.request(run, "pause" if label == "Pause" else "stop", role=role)
    if not outcome.done:
        st.session_state[_MESSAGE] = outcome.message


def _leave_run() -> None:
    """Return from a run that the address names to the form."""
    st.query_params.pop("run", None)


def _change(run: Run) -> None:
    """A form for the settings that can change before a run is resumed."""
    values = {}
    with st.form(f"change {run.id}", border=False):
        for name in ("epochs", "lr_scale", "patience"):
            value = type(SETTINGS[name].default)(getattr(run.config, name))
            values[name] = number_field(st, name, f"change {name} {run.id}", value=value)
        st.caption("Set more epochs to continue training; a decaying schedule is re-stretched.")
        saved = st.form_submit_button("Save", icon=":material/save:", key=f"save change {run.id}")
    if saved:
        page.show_outcome(actions.change_settings(run, **values, role=access.role()))


def _notes(run: Run) -> None:
    """Why the run ended and how to continue it, errors, and warnings."""
    state, controls = run.state, access.can_control()
    if run.stopped_early:
        best, patience = run.history.best, run.config.patience
        reason = ""
        if best and patience:
            reason = f": no improvement in the last {patience} (best: epoch {best['epoch']})"
        st.caption(f"Stopped early after {run.history.epochs_done} epochs{reason}.")
    elif controls and state == "finished" and run.resumable:
        st.caption("More epochs are planned. Select Resume to continue.")
    if controls and state in ("paused", "stopped") and run.resumable:
        st.caption(f"{state.capitalize()}. Everything is saved; select Resume to continue.")
    for error in (st.session_state.pop(_MESSAGE, ""), page.visible_error(run.error)):
        if error:
            st.error(plain(error), icon=":material/error:")
    page.show_warning(run)


def _log(run: Run) -> None:
    with st.expander("Log", icon=":material/terminal:"):
        st.code(run.log_tail() or "No output yet.", language=None, wrap_lines=True)


def _progress(run: Run, history: History, state: State) -> None:
    """Progress of the epoch or its evaluation, and of the whole run."""
    if state == "starting":
        st.progress(0.0, "Loading PyTorch and the data…")
        return
    active = state in ACTIVE
    config, step, done = run.config, history.step, history.epochs_done
    task = ""
    if active and (test := history.test):
        share = test["done"] / max(test["total"], 1)
        task = f"Evaluating after epoch {done + 1}"
        if test["epoch"] <= done:  # perhaps before the planned epochs: by early stopping
            task = "Evaluating the best weights on the test set"
    elif active and done < config.epochs:
        share = step / config.steps_per_epoch - done
        task = f"Epoch {done + 1} of {config.epochs}"
    if task:
        share = min(max(share, 0.0), 1.0)
        st.progress(share, f"{task}: {percent(share, 0)}")
    share = min(step / config.total_steps, 1.0)
    words = f"Run: {percent(share, 0)}, {min(done, config.epochs)} of {config.epochs} epochs"
    left = seconds_left(run, history)
    if active and left is not None:
        words += f", about {duration(left)} left"
    st.progress(share, words)


def _figures(run: Run) -> None:
    """Progress, and the newest numbers."""
    history, state = run.history, run.state
    _progress(run, history, state)
    recent = history.batches[-RECENT:]
    # The last batches during training; afterwards the last epoch, as in the table and the files.
    by_epoch = bool(history.epochs) and state not in ACTIVE
    records, part = (history.epochs[-1:], "train_") if by_epoch else (recent, "")
    results = {accuracy.name.capitalize(): accuracy.of(2) for accuracy in run.accuracies}
    figures = {
        **(results or {f"Best {run.config.eval_split} accuracy": "–"}),
        "Train accuracy": _mean(records, f"{part}accuracy", percent),
        "Train loss": _mean(records, f"{part}loss", "{:.3f}".format),
        "Images/s": _mean(records, "images_per_s", "{:,.0f}".format),
        "Training time": duration(history.seconds),
        "Peak memory": memory(recent[-1]["peak_memory"]) if recent else "–",
    }
    with st.container(horizontal=True, key="run-figures"):
        for label, value in figures.items():
            st.metric(label, value, width="content", help=_ABOUT.get(label))
    if history.start:
        config = run.config
        st.caption(
            f"{plain(history.start.get('device_name', ''))} in "
            f"{plain(precision_name(history.start.get('precision'), history.start.get('tf32')))}, "
            f"{width_name(current_width(run, history))}, "
            f"{history.parameters:,} parameters, "
            f"{config.train_images:,} training and {config.eval_set}, "
            f"batch size {config.batch_size}, "
            f"learning rate {config.lr * config.lr_scale:g}",
            help=SETTINGS["precision"].help,
        )


def _mean(records: list[Event], field: str, write: Callable[[float], str]) -> str:
    values = [record[field] for record in records if field in record]
    return write(mean(values)) if values else "–"


def _curves(run: Run, seconds: float | None) -> None:
    """Accuracy and loss, with the article's published run for comparison."""
    with st.container(horizontal=True, vertical_alignment="center"):
        caption = st.empty()
        log_scale = st.toggle("Log-scale loss", key="log scale", width="content")
        axis = axis_choice("live axis")
    published = "Gray: the article's run, dashed on test images, dotted on training images. "
    shown = published if axis == "epochs" else ""
    caption.caption(f"{shown}Drag to zoom, double-click to reset.")
    others = compare_with("live compare")
    auto_refresh(
        "curves",
        lambda: _plots(run, log_scale, axis, others, seconds is not None),
        lambda: _versions(run.id).curves,
        seconds,
    )


def _plots(run: Run, log_scale: bool, axis: Axis, others: Curves, live: bool) -> None:
    history = run.history
    version = _curve_version(history) if live else (history.updates,)
    for column, metric in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        log = log_scale and metric == "loss"
        shown = others if metric == "accuracy" else []
        names = [name for name, _ in shown]
        figure = _curve(
            (str(run.directory), run.config.epochs, version, *names), metric, log, axis, run, shown
        )
        alt = f"{metric.capitalize()} by epoch of {run.name}"
        alt = "; ".join([alt, *map(str, run.accuracies)])
        with column:
            live_plot(figure, alt, metric)


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
    axes: tuple[Axis, Axis] = ("epochs", "minutes")
    return one_of("x axis", axes, key)


@st.cache_resource(max_entries=64, show_spinner=False)
def _curve(key: object, metric: str, log: bool, axis: Axis, _run: Run, _others: Curves) -> Plot:
    """A run's figure, cached for all sessions until it changes much, which changes the key."""
    figure = training.training_curve(
        _run.history, metric, _run.config.epochs, log_scale=log, others=_others, axis=axis
    )
    return Plot(figure.update_layout(uirevision=f"{_run.id} {log} {axis}"))
