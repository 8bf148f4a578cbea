"""TODO docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:  # all import torch
    from alexnet_demo.data.splits import Split


@st.cache_resource(show_spinner="Opening the data set…")
def test_set() -> Split:
    """The test pictures, for all sessions."""
    from alexnet_demo.data.splits import load_split

    return load_split(train=False)


@st.cache_resource(show_spinner="Opening the data set…")
def training_set() -> Split:
    """The training pictures, for all sessions."""
    from alexnet_demo.data.splits import load_split

    return load_split(train=True)


MAX_FILE_MB, MAX_FILES = 20, 200


FORMATS = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"]
