"""The form that starts a run: recipe, what it trains, what that costs, and Start."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alexnet_demo.common.text import duration
from alexnet_demo.jobs import actions
from alexnet_demo.runs.devices import blocking_run
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import get_run, recorded_runs
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.components.component import style
from alexnet_demo.ui.frame import page
from alexnet_demo.ui.train import cost, fields, form_state
from alexnet_demo.ui.train.details import details
from alexnet_demo.ui.train.replay import result
from alexnet_demo.ui.widgets import access, run_link
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.one_of import one_of

CONFIRM_SECONDS = 3600  # duration above which a run needs a confirmation
START = "start"  # session state: whether Start was clicked
FOLDED = "new run"  # session state: whether the form below a run is open
_LINKED = "form linked"  # session state: whether the link that opened the page fills the form
_STARTED = "form started"  # session state: the folded form has started a run


def comes_first(run: Run | None) -> bool:
    """Whether the form is above the run: if that is done, or if the page's link fills the form."""
    if not {form_state.key("recipe"), FOLDED} & set(st.session_state):  # the page was just opened
        st.session_state[_LINKED] = bool(form_state.address())
    if run is None or not (run.active or run.resumable):
        return True
    # A click on Start may come when a run has just started in another tab.
    return bool(st.session_state.get(_LINKED) or st.session_state.get(START))


def folded_form() -> None:
    """The form in a section that is closed at first, below a run that is not done."""
    if st.session_state.pop(_STARTED, False):
        st.session_state[FOLDED] = False
    section = st.expander("New run", icon=":material/add:", key=FOLDED, on_change="rerun")
    if not section.open:
        form_state.write_address({})
        return
    with section:
        training_form()


def training_form() -> None:
    """Recipe, the most important settings, Start beside what it costs, and all else in a section.

    On a laptop's screen, all but the last is visible without scrolling.
    """
    style(__file__)
    form_state.restore()
    _recipe()
    fields.first_fields()
    values = form_state.store()
    errors = form_state.errors(values)
    settings = None if errors else TrainConfig(**values)
    for error in errors:
        st.error(plain(error), icon=":material/error:")  # it may quote a link
    if settings and (other := blocking_run(settings)):
        st.info(
            f"“{plain(other.name)}” is using this device. New runs are queued.",
            icon=":material/hourglass_top:",
        )
    with st.container(horizontal=True, key="start-row"):
        _start_button(settings)
        if settings:
            with st.container(key="cost", gap="xsmall"):
                cost.cost_line(settings)
    if settings:
        cost.shorter_runs(settings)
    details(settings)
    form_state.keep(values)


def _recipe() -> None:
    recipe = one_of(
        "Recipe",
        list(RECIPES),
        form_state.key("recipe"),
        format_func=lambda name: RECIPES[name].title,
        on_change=_apply_recipe,
    )
    sentences = [RECIPES[recipe].summary, plain(_expectation(recipe))]
    if recipe == form_state.default_recipe() != TrainConfig().recipe:
        sentences.append("The default here, as there is no GPU; *Article* is the original.")
    st.caption(" ".join(filter(None, sentences)))


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
    form_state.fill(TrainConfig.from_recipe(recipe), keep=(*run_link.MACHINE, "seed"))


def _start_button(settings: TrainConfig | None) -> None:
    """Start or queue a run, with a confirmation if it will take long."""
    style: dict[str, Any] = {"key": START, "type": "primary", "icon": ":material/play_arrow:"}
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
        st.session_state[_LINKED], st.session_state[_STARTED] = False, True
    page.show_outcome(outcome)
