"""The learning-rate range test: start it, follow its curve, and adopt the suggested rate."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.figures import training
from alexnet_demo.jobs import lr_tests
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.train import form_state
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import plain

POLL_SECONDS = 1.0
_TEST = "learning-rate test"  # session state: id of the test to show


def has_lr_test() -> bool:
    """Whether a test is running, or this session has one to show."""
    return bool(_test_id())


def lr_range_test(settings: TrainConfig | None) -> None:
    """Controls and curve of the test; None, where the form has errors, disables the start."""
    test_id = _test_id()
    test = lr_tests.read_lr_test(test_id) if test_id else None
    st.caption(
        "Trains a new network for 100 steps at rising learning rates, and suggests the rate at "
        "which the loss falls most steeply, well below the one at which it diverges."
    )
    explain("About this test", "Learning-rate range test")
    running = test is not None and test.running
    if running:
        st.button(
            "Cancel",
            icon=":material/close:",
            key="stop lr",
            on_click=_stop,
            args=(test_id,),
        )
    else:
        _start_button(settings)
    if test:
        st.session_state[_TEST] = test_id
        st.fragment(_result, run_every=POLL_SECONDS if running else None)(test_id, running)


def _stop(test_id: str) -> None:
    """Cancel the test if the session may do so at the time of the click."""
    lr_tests.stop_lr_test(test_id, role=access.role())


def _test_id() -> str:
    return lr_tests.running_lr_test() or st.session_state.get(_TEST, "")


def _start_button(settings: TrainConfig | None) -> None:
    icon, disabled = ":material/search:", settings is None
    if not st.button("Start test", icon=icon, disabled=disabled, key="find lr") or not settings:
        return
    outcome = lr_tests.start_lr_test(settings, role=access.role())
    if outcome.done:
        st.session_state[_TEST] = outcome.run_id
        st.rerun()
    st.error(plain(outcome.message), icon=":material/error:")


def _result(test_id: str, was_running: bool) -> None:
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
    alt = f"Loss by learning rate, {len(test.trials)} steps up to {test.trials[-1]['lr']:.2g}"
    if test.suggestion is not None:
        alt += f"; suggested: {test.suggestion:g}"
    live_plot(figure.update_layout(uirevision=test_id), alt, "lr test")
    if test.suggestion is not None and st.button(
        f"Use {test.suggestion:g}",
        icon=":material/check:",
        key="use lr",
        on_click=form_state.set_value,
        args=("lr", test.suggestion),
    ):
        st.rerun()  # the form is outside this fragment
