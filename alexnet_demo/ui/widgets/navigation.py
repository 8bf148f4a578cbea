"""Paths of the pages, and links to a page in a certain state."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from alexnet_demo.common.files import is_file
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import recorded_runs

HOME, TOUR, TRAIN = "app.py", "pages/5_Tour.py", "pages/1_Train.py"
ARCHITECTURE, PREDICT = "pages/2_Architecture.py", "pages/3_Predict.py"
RESULTS, STORY = "pages/4_Results.py", "pages/6_Story.py"
EXPERIMENTS = "pages/7_Experiments.py"
WATCH = "watch"  # query parameter of Train: the recorded run to replay
REPLAY_ICON = ":material/slow_motion_video:"


def link(
    script: str,
    label: str,
    icon: str | None = None,
    *,
    state: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """A link to a page; nothing if Streamlit does not know the page.

    It knows the other pages only if ``app.py`` is the entry point, not when a test runs the script
    of a single page.

    Args:
        state: query parameters, such as ``{"show": "Mistakes"}``.
        options: of `st.page_link`, which is as wide as its label by default.
    """
    with suppress(StreamlitAPIException, KeyError):
        options = {"width": "content", **options}
        st.page_link(script, label=label, icon=icon, query_params=dict(state or {}), **options)


def replayable_runs() -> list[Run]:
    """The recorded runs that have snapshots to replay."""
    return [run for run in recorded_runs() if is_file(run.snapshots)]


def replay_link() -> None:
    """A link to the replay of a recorded run; nothing if there is none."""
    for run in replayable_runs()[:1]:
        link(TRAIN, "Watch a training replay", REPLAY_ICON, state={WATCH: run.id})
