"""A teacher's view of the tour: where the class is, and what it chooses; counts only."""

from __future__ import annotations

import streamlit as st

from alexnet_demo.ui.components.auto_refresh import auto_refresh
from alexnet_demo.ui.components.component import render, style
from alexnet_demo.ui.frame import class_counts
from alexnet_demo.ui.frame.class_counts import COUNTS
from alexnet_demo.ui.frame.stops import STOPS
from alexnet_demo.ui.widgets import access

PARAMETER = "class"  # query parameter of the tour's page
NOTICE = (
    "This server counts how many browser tabs are at which stop and which options are chosen "
    "first. It stores no names, and nothing on disk."
)
REFRESH_SECONDS = 2.0


def show_button() -> None:
    """On the tour's page, for whoever may see the counts: a button that opens the view.

    After a link from a page to itself, the browser's address lacks the parameter.
    """
    if class_counts.is_on() and access.can_control():
        opened, view = st.query_params.update, {PARAMETER: "1"}
        st.button("Class view", icon=":material/bar_chart:", on_click=opened, args=(view,))


def show() -> None:
    """The counts, for whoever controls a server that counts; else why there are none."""
    back = st.query_params.clear
    st.button("The tour", icon=":material/arrow_back:", type="tertiary", on_click=back)
    if not access.can_control():
        st.caption(":material/lock: The class view is for whoever controls this server.")
        return
    if not class_counts.is_on():
        st.info(
            "This server does not count. Start it with the environment variable "
            "`ALEXNET_DEMO_CLASS=1` to see here at which stops a class is and what it chooses."
        )
        return
    style(__file__)
    st.subheader("Class view", anchor=False)
    st.markdown(
        f"{NOTICE} Bars show first choices, before any feedback. A tab that is closed no longer "
        "counts at its stop, but its choices do; a page that is loaded again is a new tab."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle("Mark the right options", key="class right")
        if st.button("Reset", icon=":material/restart_alt:", help="Forget all counts."):
            COUNTS.reset(access.role())
    auto_refresh("class view", _counts, COUNTS.snapshot, REFRESH_SECONDS)


def _counts() -> None:
    stops = list(zip(STOPS, COUNTS.snapshot(), strict=True))
    st.html(render(__file__, stops=stops, mark=bool(st.session_state.get("class right"))))
