"""The form that starts a run: recipe, settings, estimated time, and Start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import streamlit as st

from alexnet_demo.common.text import duration
from alexnet_demo.figures import training
from alexnet_demo.jobs import actions
from alexnet_demo.runs.devices import blocking_run
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import get_run, recorded_runs
from alexnet_demo.settings.config import SETTINGS, TrainConfig
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.train import cost, downloads, form_state
from alexnet_demo.ui.train.data_preview import data_preview
from alexnet_demo.ui.train.lr_range_test import lr_range_test
from alexnet_demo.ui.train.replay import result
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import plain

CONFIRM_SECONDS = 3600  # duration above which a run needs a confirmation
OPEN = "form open"  # session state: show the form while another run trains
_TEXT = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
GROUPS: dict[str, list[str]] = _TEXT["groups"]
"""The settings under More settings, by heading."""
CHOICE_NAMES: dict[str, str] = _TEXT["choices"]
EXPLAINED = (
    *("Epoch and batch", "Learning rate", "Momentum", "Schedule", "Weight decay", "Dropout"),
    *("Data augmentation", "Batch normalization", "Growth", "Weight initialization"),
)


def form_open(run: Run | None) -> bool:
    """Whether to show the form: no run is active, or the reader opened it beside one."""
    # A click on Start may come when a run has just started in another tab.
    requested = st.session_state.get(OPEN) or st.session_state.get("start")
    return bool(requested) or run is None or not run.active


def training_form() -> None:
    """Recipe, settings, estimated time, and Start."""
    form_state.restore()
    _recipe()
    for column, name in zip(st.columns(3), ("epochs", "batch_size", "lr"), strict=True):
        _field(column, name)
    with st.expander("More settings", icon=":material/tune:"):
        _more_settings()
    explain("What the settings mean", *EXPLAINED)
    values = form_state.store()
    errors = form_state.errors(values)
    settings = None if errors else TrainConfig(**values)
    if settings:
        data_preview(settings)
        with st.expander("Learning-rate schedule", icon=":material/show_chart:"):
            figure = training.schedule_figure(settings)
            live_plot(figure, "Learning rate by epoch", "schedule", zoom=False)
    lr_range_test(settings)
    for error in errors:
        st.error(plain(error), icon=":material/error:")  # it may quote a link
    if settings and (other := blocking_run(settings.device)):
        st.info(
            f"“{plain(other.name)}” is using this device. New runs are queued.",
            icon=":material/hourglass_top:",
        )
    _start_button(settings)
    if settings:
        cost.cost_line(settings)
        downloads.script_button(settings, key="script of form")


def _recipe() -> None:
    st.segmented_control(
        "Recipe",
        list(RECIPES),
        format_func=lambda name: RECIPES[name].title,
        key=form_state.key("recipe"),
        required=True,
        on_change=_apply_recipe,
    )
    recipe = st.session_state[form_state.key("recipe")]
    st.caption(f"{RECIPES[recipe].summary} {plain(_expectation(recipe))}")


def _expectation(recipe: str) -> str:
    """A sentence on what recorded runs of this recipe reached; empty where there are none.

    Runs of another width or number of images do not count.
    """
    usual = TrainConfig.from_recipe(recipe)
    results = []
    for run in recorded_runs():
        config, history = run.config, run.history
        same = config.recipe == recipe and config.width == usual.width
        if same and config.train_samples == usual.train_samples and history.best and history.start:
            numbers = {"epochs": "epochs", "train_images": "training images"}
            others = [
                f"{value:,} {name}"
                for field, name in numbers.items()
                if (value := getattr(config, field)) != getattr(usual, field)
            ]
            results.append(result(history) + (f" ({', '.join(others)})" if others else ""))
    return f"Recorded run: {'; '.join(results)}." if results else ""


def _apply_recipe() -> None:
    """Fill the form with the selected recipe, except for machine settings and seed."""
    recipe = st.session_state[form_state.key("recipe")]
    form_state.fill(TrainConfig.from_recipe(recipe), keep=(*form_state.MACHINE, "seed"))


def _more_settings() -> None:
    gpus = sum(name.startswith("cuda") for name in list(cost.DEVICES))
    for group, names in GROUPS.items():
        st.markdown(f"**{group}**")
        shown = [name for name in names if name != "devices" or gpus > 1]
        for start in range(0, len(shown), 3):
            columns = st.columns(3, vertical_alignment="bottom")
            for column, name in zip(columns, shown[start : start + 3], strict=False):
                _field(column, name)


def _field(place: Any, name: str) -> None:
    """A setting's widget."""
    key, setting = form_state.key(name), SETTINGS[name]
    options = {"key": key, "help": setting.help}
    names, choices = CHOICE_NAMES, setting.choices
    if name == "device":
        names = {"auto": "Automatic (a GPU if available)", **cost.DEVICES}
        choices = tuple(dict.fromkeys([*names, st.session_state[key]]))
    if choices:
        place.selectbox(setting.label, choices, format_func=lambda c: names.get(c, c), **options)
    elif setting.range:
        number_field(place, name, key)
    elif isinstance(setting.default, bool):
        place.checkbox(setting.label, **options)
    else:
        place.text_input(setting.label, placeholder="none", **options)


def number_field(place: Any, name: str, key: str, **options: Any) -> Any:
    """A number field. It allows any value, so that `TrainConfig` can explain the range."""
    setting = SETTINGS[name]
    kind = type(setting.default)
    return place.number_input(
        setting.label,
        key=key,
        step=kind(setting.step),
        format="%g" if kind is float else "%d",
        help=f"{setting.help} {setting.range}.",
        **options,
    )


def _start_button(settings: TrainConfig | None) -> None:
    """Start or queue a run, with a confirmation if it will take long."""
    style: dict[str, Any] = {"key": "start", "type": "primary", "icon": ":material/play_arrow:"}
    seconds = cost.seconds(settings) if settings else None
    if settings is None or seconds is None or seconds <= CONFIRM_SECONDS:
        clicked = st.button("Start training", disabled=settings is None, **style)
    else:
        with st.popover("Start training", type="primary", icon=style["icon"]):
            st.markdown(f"This takes about **{duration(seconds)}** on this machine.")
            clicked = st.button("Start anyway", **style)
            cost.offers(settings, "instead")
    if not clicked or settings is None:
        return
    outcome = actions.start(settings, seconds, role=access.role())
    if outcome.done and outcome.run_id:
        form_state.write_address({})  # it is about to name a run instead
        run = get_run(outcome.run_id)
        if run and run.state != "queued":  # else the page stays with the active run
            st.query_params["run"] = outcome.run_id
        st.session_state[OPEN] = False
    page.show_outcome(outcome)
