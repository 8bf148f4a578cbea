"""The guided tour: its own page, and the bar that leads from stop to stop."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from alexnet_demo.ui.components.component import register
from alexnet_demo.ui.frame import class_counts, class_view, handout, quiz
from alexnet_demo.ui.frame.stops import STOPS, Stop
from alexnet_demo.ui.widgets import access, query_params
from alexnet_demo.ui.widgets.navigation import PREDICT, RESULTS, TOUR, TRAIN, link

_STOP = "tour"  # query parameter of a stop's page: the number of the stop
_GO, _END = "go", "end"  # query parameters of the tour's page: a stop to go to; the tour is over
_scroll_to_target = register("tour", __file__)


def parse_stop(text: str) -> int | None:
    """The number of a stop, from 1, in an address; None if there is no such stop."""
    return query_params.parse_index(text, len(STOPS) + 1) or None


def _current() -> int | None:
    """The stop that the page is visited for, if any."""
    return parse_stop(st.query_params.get(_STOP, ""))


def _query(number: int) -> dict[str, str]:
    return {**STOPS[number - 1].state, _STOP: str(number)}


def _task(stop: Stop) -> str:
    return stop.visitor_task if stop.visitor_task and not access.can_control() else stop.task


# ------------------------------------------------------------------ on a stop's page


def show_bar() -> None:
    """On a page that is visited for the tour: the task, the question, and links to other stops."""
    number = _current()
    quiz.count_visit(number)
    if number is None:
        return
    stop = STOPS[number - 1]
    with st.container(border=True, key="tour-bar", gap="xsmall"):
        st.progress(number / len(STOPS))
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key="tour-bar-head"
        ):
            st.markdown(
                f":material/tour: **Stop {number} of {len(STOPS)}: {stop.title}**", width="content"
            )
            with st.container(
                key="tour-bar-links",
                horizontal=True,
                horizontal_alignment="right",
                vertical_alignment="center",
                gap="xsmall",
            ):
                with st.container(width="content"):
                    quiz.question(number, "bar")
                _neighbors(number, stop.script)
        st.markdown(_task(stop))
        if stop.target:
            _scroll_to_target(data={"stop": number, "target": stop.target}, key="tour-guide")


def _neighbors(number: int, page: str) -> None:
    """Links to the stops before and after one."""
    if number > 1:
        with st.container(key="tour-back", width="content"):
            _link(number - 1, "Back", ":material/arrow_back:", page=page)
    if number < len(STOPS):
        _link(number + 1, "Next", page=page)
    else:
        link(TOUR, "The end", ":material/flag:", icon_position="right", state={_END: "1"})


def show_task() -> None:
    """The task and the question again, for a dialog that covers the bar."""
    if number := _current():
        st.caption(f":material/tour: {_task(STOPS[number - 1])}")
        quiz.question(number, "dialog")


def _link(number: int, label: str, icon: str = "", *, page: str = "") -> None:
    """A link to a stop.

    Args:
        icon: before the label; without one, an arrow comes after it.
        page: script of the current page. Pages read their address only when they open, so a link
            from a page to itself takes a detour over the tour's page.
    """
    script, query = STOPS[number - 1].script, _query(number)
    if script == page:
        script, query = TOUR, {_GO: str(number)}
    position = "left" if icon else "right"
    link(script, label, icon or ":material/arrow_forward:", state=query, icon_position=position)


# ------------------------------------------------------------------ the tour's page


def redirect() -> None:
    """Before the tour's page shows anything: go to the stop that its address names, if any."""
    if number := parse_stop(st.query_params.get(_GO, "")):
        st.switch_page(STOPS[number - 1].script, query_params=_query(number))


def show() -> None:
    """The tour's page: how the tour works, and all its stops; or the class view."""
    with st.container(key="tour"):
        if st.query_params.get(class_view.PARAMETER):
            class_view.show()
            return
        if st.query_params.get(_END):
            _show_end()
        _show_start()
        for number, stop in enumerate(STOPS, 1):
            with st.container(border=True, gap="xsmall", key=f"tour-{number}"):
                st.subheader(f"{number}. {stop.title}", anchor=False)
                st.markdown(_task(stop))
                with st.container(horizontal=True, vertical_alignment="center"):
                    with st.container(width="content"):
                        quiz.question(number, "page")
                    _link(number, "Go there")


def _show_end() -> None:
    with st.container(border=True, key="tour-end", gap="xsmall"):
        st.markdown(
            ":material/flag: **That was the tour.** You have seen a network from its first filters "
            "to its last mistakes. Next, try your own photos on Predict, look at what a run on "
            "this server has learned, or change a setting and see what it does."
        )
        with st.container(horizontal=True):
            link(PREDICT, "Your own images", ":material/draw:")
            link(TRAIN, "Runs", ":material/model_training:")
            link(RESULTS, "All results", ":material/fact_check:")


def _show_start() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Start the tour", icon=":material/tour:", type="primary"):
            st.switch_page(STOPS[0].script, query_params=_query(1))
        if solved := quiz.solved_count():
            st.markdown(f"**{solved} of {len(STOPS)}** questions answered", width="content")
        st.caption(
            "A bar at the top of each page tells you what to do, asks a question, and leads to the "
            "next stop.",
            width="content",
        )
    if class_counts.is_on():
        st.caption(f":material/groups: {class_view.NOTICE}")
    with st.expander("With a class", icon=":material/groups:"):
        st.markdown(Path(__file__).with_name("with_a_class.md").read_text(encoding="utf-8"))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                "Questions to print",
                handout.html,
                file_name="alexnet-tour.html",
                mime="text/html",
                icon=":material/print:",
                on_click="ignore",
            )
            class_view.show_button()
