"""What can be taken elsewhere: a training as a script, a network as an ONNX file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from alexnet_demo.export.script import file_name, training_script
from alexnet_demo.settings.config import TrainConfig

if TYPE_CHECKING:  # it imports torch
    pass


def script_button(settings: TrainConfig, label: str, key: str) -> None:
    """A download of the training as one script in plain PyTorch, written once it is clicked."""
    st.download_button(
        label,
        partial(training_script, settings),
        file_name=file_name(settings),
        mime="text/x-python",
        icon=":material/code:",
        type="tertiary",
        help="The same training as one Python file that needs PyTorch and not this program.",
        on_click="ignore",
        key=key,
    )
