"""The control in which one option is always selected."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def script() -> None:
    import streamlit as st

    from alexnet_demo.ui.widgets.one_of import one_of

    options = st.session_state.get("options", ("loss", "accuracy"))
    st.text(one_of("Metric", options, "metric", format_func=str.title))


def selected(at: AppTest) -> str:
    """What the function returned, which is what the control shows."""
    assert not at.exception
    assert at.button_group(key="metric").value == at.text[0].value
    return at.text[0].value


def test_the_first_option_is_selected_until_the_reader_selects_another() -> None:
    at = AppTest.from_function(script).run()
    assert selected(at) == "loss"
    at.button_group(key="metric").set_value("accuracy").run()
    assert selected(at) == "accuracy"


def test_a_report_of_no_selection_changes_nothing() -> None:
    at = AppTest.from_function(script).run()
    for option in ("loss", "accuracy"):
        at.button_group(key="metric").set_value(option).run()
        at.button_group(key="metric").set_value(None).run()
        assert selected(at) == option


def test_an_option_that_is_gone_gives_way_to_the_first() -> None:
    at = AppTest.from_function(script).run()
    at.button_group(key="metric").set_value("accuracy").run()
    at.session_state["options"] = ("loss", "minutes")
    at.run()
    assert selected(at) == "loss"
