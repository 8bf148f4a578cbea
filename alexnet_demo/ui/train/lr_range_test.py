"""Looking for a learning rate: a short test in a process of its own, watched as it goes."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.figures import training
from alexnet_demo.jobs import lr_tests
from alexnet_demo.jobs.lr_tests import LrTest
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.train import form_state
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import plain

TEST = "learning-rate test"  # session state: the id of the test to show
POLL_SECONDS = 1.0


def lr_finder(settings: TrainConfig | None) -> None:
    """Start a test with the form's settings, watch its curve, take over what it suggests."""
    test_id = lr_tests.running_lr_test() or st.session_state.get(TEST, "")
    test = lr_tests.read_lr_test(test_id) if test_id else None
    with st.expander("Find a learning rate", icon=":material/search:", expanded=test is not None):
        st.caption(
            "A fresh network takes a hundred steps, each at a higher rate than the one before. "
            "Where its loss falls fastest is a good rate; where it explodes is too much."
        )
        explain("What the test shows", "The learning-rate test")
        running = test is not None and test.running
        if running:
            st.button(
                "Cancel",
                icon=":material/close:",
                key="stop lr",
                on_click=lr_tests.stop_lr_test,
                args=(test_id,),
                kwargs={"permit": access.role()},
            )
        elif st.button(
            "Find a learning rate",
            icon=":material/search:",
            disabled=settings is None,
            key="find lr",
        ):
            _start(settings)
        if test:
            st.session_state[TEST] = test_id
            st.fragment(_watch, run_every=POLL_SECONDS if running else None)(test_id, running)


def _start(settings: TrainConfig | None) -> None:
    if settings is None:
        return
    outcome = lr_tests.start_lr_test(settings, role=access.role())
    if outcome.done:
        st.session_state[TEST] = outcome.run_id
        st.rerun()
    st.error(plain(outcome.message), icon=":material/error:")


def _watch(test_id: str, was_running: bool) -> None:
    test = lr_tests.read_lr_test(test_id)
    if test is None or (was_running and not test.running):
        st.rerun()  # polling stops
    if test.error:
        st.error(plain(test.error), icon=":material/error:")
    if not test.trials:
        if test.running:
            st.caption(":material/timer: Loading PyTorch and the data…")
        return
    figure = training.lr_test_figure(test.trials, test.suggestion)
    live_plot(figure.update_layout(uirevision=test_id), _in_words(test), "lr test")
    if test.suggestion is not None and st.button(
        f"Use {test.suggestion:g}",
        icon=":material/check:",
        key="use lr",
        on_click=_take,
        args=(test.suggestion,),
    ):
        st.rerun()  # the form stands outside of this part of the page


def _take(lr: float) -> None:
    st.session_state[form_state.key("lr")] = lr


def _in_words(test: LrTest) -> str:
    last = test.trials[-1]
    words = f"Loss against the learning rate, {len(test.trials)} steps up to {last['lr']:.2g}"
    return words if test.suggestion is None else f"{words}; suggested: {test.suggestion:g}"
