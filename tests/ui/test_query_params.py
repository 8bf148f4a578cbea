"""A page's address: read on opening, written from then on."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.ui.widgets import query_params
from tests.support.waiting import PATIENCE


def page() -> None:
    import streamlit as st

    from alexnet_demo.ui.widgets import query_params

    if "opened" not in st.session_state:
        st.session_state["opened"] = True
        query_params.load("layer", "picture")
    query_params.put("layer", st.session_state.setdefault("chosen", query_params.get("layer")))
    st.write(query_params.get("picture"))


def test_the_values_of_a_link_are_kept_and_updated() -> None:
    at = AppTest.from_function(page, default_timeout=PATIENCE)
    at.query_params["layer"] = "conv3"
    at.query_params["picture"] = "17"
    at.query_params["other"] = "stays"
    at.run()
    assert at.session_state["chosen"] == "conv3"
    assert at.markdown[0].value == "17"
    at.session_state["chosen"] = "conv4"
    at.run()
    assert at.query_params["layer"] == "conv4"
    at.session_state["chosen"] = ""
    at.run()
    assert "layer" not in at.query_params
    assert at.query_params["other"] == "stays"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("17", 17),
        ("007", 7),
        *((text, None) for text in ("", "18", "-1", "1.5", "٣", "²", "1e1", " 1", "9" * 5000)),
    ],
)
def test_an_index_is_a_number_in_range_or_none(text: str, number: int | None) -> None:
    assert query_params.parse_index(text, 18) == number
