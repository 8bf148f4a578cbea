"""One step in slow motion: forward, loss, backward, update, and the loss after it, in numbers."""

from __future__ import annotations

import math
import time
from pathlib import Path

import streamlit as st

from alexnet_demo.common.errors import BusyError, DataError
from alexnet_demo.figures.one_step import losses_figure
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.experiments.step_phases import PHASES, show_batch
from alexnet_demo.ui.experiments.step_session import (
    DEFAULT,
    HE,
    RATE,
    RATES,
    Session,
    get_session,
    rate,
    reset,
    take_step,
)
from alexnet_demo.ui.widgets import query_params
from alexnet_demo.ui.widgets.glossary import explain
from alexnet_demo.ui.widgets.markdown import plain, sections

TEXTS = sections(Path(__file__).with_suffix(".md"))
PLAY_SECONDS = 2.0  # each phase during playback
_DUE = "one step due"  # session state: when a phase may end during playback
_PHASE = "phase"


def show() -> None:
    """The lesson: its text, the buttons, and the phase that was reached."""
    st.markdown(TEXTS["What happens"])
    if _PHASE not in st.session_state:  # the lesson has just opened
        st.session_state.pop(_DUE, None)
    playing = _DUE in st.session_state
    st.fragment(_lesson, run_every=PLAY_SECONDS if playing else None)()
    st.markdown(f"**Try it**\n\n{TEXTS['Try it']}")
    explain("Terms", "Loss", "Learning rate", "Weight initialization")


def _lesson() -> None:
    try:
        if time.monotonic() >= st.session_state.get(_DUE, math.inf):
            _next_phase()
            st.session_state[_DUE] = time.monotonic() + PLAY_SECONDS / 2
        init = query_params.choice("Initialization", (HE, DEFAULT), "start")
        session = get_session(init)
        if _DUE in st.session_state and not session.can_go_on:
            del st.session_state[_DUE]
            st.rerun()
        _show_buttons(session)
        phase = query_params.choice("Phase", PHASES, _PHASE)
        st.markdown(TEXTS[phase])
        show_batch(session.record, phase)
        after = PHASES[phase](session)
        figure = losses_figure(session.losses, math.nan if after is None else after)
        live_plot(figure, "Loss of the batch by step", "one step losses", zoom=False)
    except BusyError as error:
        st.warning(str(error), icon=":material/hourglass_top:")
    except DataError as error:
        st.error(plain(str(error)), icon=":material/error:")


def _next_phase() -> None:
    names = list(PHASES)
    following = names.index(st.session_state.get(_PHASE, names[0])) + 1
    if following == len(names) and not take_step():
        return
    st.session_state[_PHASE] = names[following % len(names)]


def _whole_step() -> None:
    take_step()


def _reset() -> None:
    reset()
    st.session_state.pop(_DUE, None)
    st.session_state[_PHASE] = next(iter(PHASES))


def _show_buttons(session: Session) -> None:
    playing = _DUE in st.session_state
    with st.container(horizontal=True, vertical_alignment="bottom"):
        end = not session.can_go_on
        st.button("Next phase", icon=":material/skip_next:", on_click=_next_phase, disabled=end)
        icon = ":material/pause:" if playing else ":material/play_arrow:"
        if st.button("Pause" if playing else "Play", icon=icon, key="step play", disabled=end):
            if playing:
                del st.session_state[_DUE]
            else:
                st.session_state[_DUE] = time.monotonic() + PLAY_SECONDS / 2
            st.rerun()  # the whole page, which decides whether this fragment runs by itself
        st.button("Whole step", icon=":material/fast_forward:", on_click=_whole_step, disabled=end)
        if st.button("Reset", icon=":material/replay:", on_click=_reset):
            st.rerun()
        if RATE not in st.session_state:
            query_params.load("lr")
            linked = [each for each in RATES if f"{each:g}" == query_params.get("lr")]
            st.session_state[RATE] = linked[0] if linked else rate()
        chosen = st.select_slider(
            "Learning rate", RATES, key=RATE, format_func="{:g}".format, width=260
        )
        query_params.put("lr", f"{chosen:g}")
    taken = len(session.losses) - 1
    text = f"{taken} step{'' if taken == 1 else 's'} taken. Loss: {session.losses[-1]:.5g}."
    st.caption(text + (" Reset to go on." if end else ""))
