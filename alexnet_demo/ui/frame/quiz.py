"""The question of a stop: options, feedback, and what a session has chosen so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from alexnet_demo.ui.frame import class_counts
from alexnet_demo.ui.frame.class_counts import COUNTS
from alexnet_demo.ui.frame.stops import STOPS

_VISIT = "tour visit"  # session state; a browser can send words and numbers, never a _Visit
_ICONS = {
    None: ":material/help:",
    False: ":material/cancel:",
    True: ":material/check_circle:",
}


@dataclass
class _Visit:
    """A session's way through the tour: the options chosen at each stop, the last one last."""

    choices: dict[int, list[int]] = field(default_factory=dict)


def _visit() -> _Visit:
    visit = st.session_state.get(_VISIT)
    if not isinstance(visit, _Visit):
        visit = st.session_state[_VISIT] = _Visit()
    return visit


def count_visit(number: int | None) -> None:
    """If this server counts: the session shows this stop, or a page outside the tour."""
    if class_counts.is_on() and (context := get_script_run_ctx()):
        COUNTS.visit(context.session_id, number)


def is_solved(number: int) -> bool | None:
    """Whether the right option of a stop has been chosen; None if none has been."""
    chosen = _visit().choices.get(number)
    return any(STOPS[number - 1].options[index].right for index in chosen) if chosen else None


def solved_count() -> int:
    """How many questions this session has answered right, at first or later."""
    return sum(is_solved(number) is True for number in range(1, len(STOPS) + 1))


@st.fragment
def question(number: int, place: str) -> None:
    """A button that opens a stop's question; answering it reruns nothing else.

    Args:
        place: unique among the places of a page that show the question.
    """
    key = f"tour question {place} {number}"
    with st.popover("Question", icon=_ICONS[is_solved(number)], key=key):
        st.markdown(f"**{STOPS[number - 1].question}**")
        with st.container(key=f"tour-options-{place}-{number}", gap="xsmall"):
            _options(number, key)
        _feedback(number)


def _options(number: int, key: str) -> None:
    chosen = _visit().choices.get(number, [])
    for index, option in enumerate(STOPS[number - 1].options):
        icon = _ICONS[option.right] if index in chosen else ":material/radio_button_unchecked:"
        st.button(
            option.text,
            key=f"{key} {index}",
            icon=icon,
            on_click=_choose,
            args=(number, index),
            width="stretch",
        )


def _choose(number: int, index: int) -> None:
    visit = _visit()
    others = [other for other in visit.choices.get(number, []) if other != index]
    visit.choices[number] = [*others, index]
    if class_counts.is_on() and (context := get_script_run_ctx()):
        COUNTS.choose(context.session_id, number, index)


def _feedback(number: int) -> None:
    """Why the last choice is right or wrong, and the answer: open once it has been found."""
    stop = STOPS[number - 1]
    if chosen := _visit().choices.get(number):
        option = stop.options[chosen[-1]]
        if option.right:
            st.success(f"**Right.** {option.feedback}", icon=_ICONS[True])
        else:
            st.error(f"**Not that one.** {option.feedback}", icon=_ICONS[False])
    if is_solved(number):
        st.markdown(stop.answer)
    else:
        with st.expander("Answer"):
            st.markdown(stop.answer)
