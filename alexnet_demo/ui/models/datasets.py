"""The two splits of Fashion-MNIST, loaded once for all sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.data.splits import Split


@st.cache_resource(show_spinner="Loading the dataset…", show_time=True)
def _split(train: bool) -> Split:
    from alexnet_demo.data.splits import load_split

    return load_split(train=train)


def test_set() -> Split:
    """The 10,000 test images."""
    return _split(train=False)


def training_set() -> Split:
    """The 60,000 training images."""
    return _split(train=True)
