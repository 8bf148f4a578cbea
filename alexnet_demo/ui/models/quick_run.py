"""The button that starts a quick training, wherever there is no model yet."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from alexnet_demo.jobs import actions
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.widgets import access
from alexnet_demo.ui.widgets.markdown import plain
from alexnet_demo.ui.widgets.navigation import TRAIN


def quick_training(emphasis: Literal["primary", "secondary"]) -> None:
    """A click starts the quick recipe and leads to its curves; nothing for visitors."""
    if not access.controls():
        return
    if st.button("Start a quick training", icon=":material/play_arrow:", type=emphasis):
        outcome = actions.start(TrainConfig.from_recipe("quick"), role=access.role())
        if outcome.done:
            st.switch_page(TRAIN)
        st.warning(plain(outcome.message), icon=":material/error:")
