"""The form that starts a training."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alexnet_demo.common.text import duration
from alexnet_demo.figures import training
from alexnet_demo.jobs import actions
from alexnet_demo.runs.devices import blocking_run
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import get_run
from alexnet_demo.settings.config import CHOICES, LIMITS, TrainConfig
from alexnet_demo.settings.help import HELP
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.frame.page import toast_next
from alexnet_demo.ui.train import form_state, probes, script_button
from alexnet_demo.ui.train.cost import cost_line, offers, seconds
from alexnet_demo.ui.train.data_preview import trained_on
from alexnet_demo.ui.train.lr_range_test import lr_finder
from alexnet_demo.ui.train.recorded import expectation
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import plain

CONFIRM_SECONDS = 3600
"""A training that takes longer is asked about before it starts."""
WANTED = "form wanted"  # session state: also while another run trains
GROUPS = {
    "Optimiser": (
        *("momentum", "nesterov", "weight_decay", "label_smoothing", "schedule", "warmup"),
    ),
    "Pictures": ("train_samples", "drawings", "photos", "shift", "erase", "flip"),
    "Network": ("width", "grow", "dropout", "init", "seed", "norm"),
    "Test": ("test_samples", "validation", "patience"),
    "Machine": (
        *("device", "devices", "precision", "memory_format"),
        *("checkpoint_minutes", "keep_epochs"),
    ),
}
LABELS = {
    "nesterov": "Nesterov's step",
    "schedule": "Schedule",
    "flip": "Mirror pictures",
    "grow": "Growth",
    "init": "Initial weights",
    "norm": "Batch normalisation",
    "device": "Device",
    "precision": "Precision",
    "memory_format": "Memory format",
}
EXPLAINED = (
    *("Epoch and batch", "Learning rate", "Momentum", "Schedule", "Weight decay", "Dropout"),
    *("Changed pictures", "Batch normalisation", "Growth", "Initial weights"),
)
CHOICE_NAMES = {
    "auto": "Automatic: the faster on this device",
    "channels_last": "Channels last",
    "contiguous": "Contiguous",
    "constant": "Constant",
    "linear": "Up, then down to 0",
    "default": "PyTorch's default",
    "kaiming": "Kaiming, made for ReLU",
}
STEPS = {
    "lr": 0.01,
    "width": 0.125,
    "momentum": 0.1,
    "weight_decay": 0.0001,
    "warmup": 0.05,
    "dropout": 0.1,
    "label_smoothing": 0.05,
    "erase": 0.1,
    "drawings": 0.05,
    "photos": 0.05,
}


def form_wanted(run: Run | None) -> bool:
    """Whether there is room for the form beside this run, or it was asked for."""
    # A click on Start may meet a run that began meanwhile elsewhere.
    asked = st.session_state.get(WANTED) or st.session_state.get("start")
    return bool(asked) or run is None or not run.active


def training_form() -> None:
    """Recipe, settings, cost and the Start button."""
    form_state.begin()
    st.segmented_control(
        "Recipe",
        list(RECIPES),
        format_func=lambda name: RECIPES[name].title,
        key=form_state.key("recipe"),
        required=True,
        on_change=_take_recipe,
    )
    recipe = st.session_state[form_state.key("recipe")]
    st.caption(f"{RECIPES[recipe].summary} {plain(expectation(recipe))}")
    for column, name in zip(st.columns(3), ("epochs", "batch_size", "lr"), strict=True):
        _field(column, name)
    with st.expander("More settings", icon=":material/tune:"):
        _more_settings()
    explain("What the settings mean", *EXPLAINED)
    values = form_state.keep()
    wrong = form_state.problems(values)
    settings = None if wrong else TrainConfig(**values)
    if settings:
        trained_on(settings)
        _schedule(settings)
    lr_finder(settings)
    for sentence in wrong:
        st.error(plain(sentence), icon=":material/error:")  # a link's own words may be in it
    other = blocking_run(settings.device) if settings else None
    if other:
        st.info(
            f"“{plain(other.name)}” has this device: a training started now waits its turn.",
            icon=":material/hourglass_top:",
        )
    if _start_clicked(settings) and settings:
        _start(settings)
    if settings:
        cost_line(settings)
        if other and (probes.ask(settings) or {}).get("beside"):
            st.caption("Measured beside the training that goes on: alone it will be faster.")
        script_button.script_button(settings, "As a script", key="script of form")


def _take_recipe() -> None:
    """Fill the form with the chosen recipe; machine and seed stay as they are."""
    settings = TrainConfig.from_recipe(st.session_state[form_state.key("recipe")])
    form_state.fill(settings, kept=(*form_state.OF_THE_MACHINE, "seed"))


def _more_settings() -> None:
    for group, names in GROUPS.items():
        st.markdown(f"**{group}**")
        shown = [name for name in names if name != "devices" or _gpus() > 1]
        for start in range(0, len(shown), 3):
            columns = st.columns(3, vertical_alignment="bottom")
            for column, name in zip(columns, shown[start : start + 3], strict=False):
                _field(column, name)


def _gpus() -> int:
    return sum(name.startswith("cuda") for name in probes.devices())


def _field(place: Any, name: str) -> None:
    """A setting's widget. `TrainConfig` judges the value, so that its sentence can be shown."""
    key, default = form_state.key(name), getattr(TrainConfig(), name)
    if name == "device":
        _device(place)
    elif name in CHOICES:
        place.selectbox(
            LABELS[name],
            CHOICES[name],
            format_func=lambda choice: CHOICE_NAMES.get(choice, choice),
            key=key,
            help=HELP[name],
        )
    elif name in LIMITS:
        fraction = isinstance(default, float)
        place.number_input(
            LIMITS[name].label,
            key=key,
            step=STEPS.get(name, 1.0 if fraction else 1),
            format="%g" if fraction else "%d",
            help=f"{HELP[name]} {LIMITS[name].range}.",
        )
    elif isinstance(default, bool):
        place.checkbox(LABELS[name], key=key, help=HELP[name])
    else:
        place.text_input(LABELS[name], key=key, help=HELP[name], placeholder="none")


def _device(place: Any) -> None:
    found = probes.devices()
    chosen = st.session_state[form_state.key("device")]
    names = {"auto": "Automatic: a GPU where there is one", **found}
    place.selectbox(
        LABELS["device"],
        list(dict.fromkeys([*names, chosen])),
        format_func=lambda name: names.get(name, name),
        key=form_state.key("device"),
    )


def _schedule(settings: TrainConfig) -> None:
    with st.expander("Schedule", icon=":material/show_chart:"):
        figure = training.schedule_figure(settings)
        live_plot(figure, "The learning rate over the epochs", "schedule", zoom=False)


def _start_clicked(settings: TrainConfig | None) -> bool:
    """The Start button; where the training takes long it is asked about first."""
    look: dict[str, Any] = {"type": "primary", "icon": ":material/play_arrow:"}
    took = seconds(settings) if settings else None
    if settings is None or took is None or took <= CONFIRM_SECONDS:
        return st.button("Start training", disabled=settings is None, key="start", **look)
    with st.popover("Start training", **look):
        st.markdown(f"This takes about **{duration(took)}** on this machine.")
        clicked = st.button("Start anyway", key="start", **look)
        offers(settings, "instead")
    return clicked


def _start(settings: TrainConfig) -> None:
    outcome = actions.start(settings, seconds(settings), role=access.role())
    if outcome.done and outcome.run_id:
        form_state.leave_address()
        started = get_run(outcome.run_id)
        if started and started.state != "queued":  # else the page stays with what trains
            st.query_params["run"] = outcome.run_id
        st.session_state[WANTED] = False
        toast_next(outcome.message)
        st.rerun()
    st.error(plain(outcome.message), icon=":material/error:")
