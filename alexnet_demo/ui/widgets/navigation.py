"""Where the pages are, and links to them or to a state of one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Literal

import streamlit as st
from streamlit.errors import StreamlitAPIException

from alexnet_demo.settings.paths import ROOT

HOME, TOUR, TRAIN = "app.py", "pages/5_Tour.py", "pages/1_Train.py"
ARCHITECTURE, PREDICT = "pages/2_Architecture.py", "pages/3_Predict.py"
RESULTS = "pages/4_Results.py"


def link(
    script: str,
    label: str,
    icon: str | None = None,
    *,
    state: Mapping[str, str] | None = None,
    stretch: bool = False,
    icon_right: bool = False,
) -> None:
    """A link to a page; nothing where that page does not exist.

    Streamlit knows the other pages only when ``app.py`` is the entry, which it is not where a
    test runs one page's script alone.

    Args:
        state: what the page's address is to say, such as ``{"show": "Mistakes"}``.
        stretch: as wide as there is room, else as wide as its words.
        icon_right: the icon behind the words instead of before them.
    """
    side: Literal["left", "right"] = "right" if icon_right else "left"
    if (ROOT / script).is_file():
        with suppress(StreamlitAPIException, KeyError):
            st.page_link(
                script,
                label=label,
                icon=icon,
                icon_position=side,
                width="stretch" if stretch else "content",
                query_params=dict(state or {}),
            )
