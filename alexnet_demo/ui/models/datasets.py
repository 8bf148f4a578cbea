"""The two splits of Fashion-MNIST, loaded once for all sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from alexnet_demo.data.fashion_mnist import read_split

if TYPE_CHECKING:  # imports torch
    from alexnet_demo.data.splits import Split


@st.cache_resource(show_spinner="Loading the dataset…", show_time=True)
def _split(train: bool) -> Split:
    from alexnet_demo.data.splits import load_split

    return load_split(train=train)


@st.cache_resource(show_spinner=False)
def test_arrays() -> tuple[np.ndarray, np.ndarray]:
    """The 10,000 test images and their labels, as `read_split` gives them: without PyTorch.

    Raises:
        DataError: when a file is missing or damaged.
    """
    return read_split(train=False)


def test_set() -> Split:
    """The 10,000 test images."""
    return _split(train=False)


def training_set() -> Split:
    """The 60,000 training images."""
    return _split(train=True)
