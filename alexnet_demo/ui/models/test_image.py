"""Lets the reader choose a test image by class and number."""

from __future__ import annotations

import random
from collections.abc import Callable

import streamlit as st

from alexnet_demo.settings.article import CLASSES, TEST_SAMPLES
from alexnet_demo.ui.models.datasets import test_arrays
from alexnet_demo.ui.widgets import query_params

_ANY = "Any class"


def choose(name: str, default: int = 0, on_change: Callable[[], None] = lambda: None) -> int:
    """The number of the chosen test image, which the address keeps.

    Args:
        name: key of the number's widget, and its name in the address.
        default: the number, if the address has none.
        on_change: called when another image is chosen, before the page reruns.
    """

    def pick_another() -> None:
        """Pick a random image of the chosen class."""
        on_change()
        class_name, labels = st.session_state[f"{name} class"], test_arrays()[1].tolist()
        numbers = [n for n, label in enumerate(labels) if class_name in (_ANY, CLASSES[label])]
        st.session_state[name] = random.choice(numbers)

    if name not in st.session_state:  # Streamlit forgets a widget that is not on the page
        query_params.load(name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = [_ANY, *CLASSES]
        st.selectbox("Class", names, key=f"{name} class", on_change=pick_another, width=180)
        number = query_params.parse_index(query_params.get(name), TEST_SAMPLES)
        st.session_state.setdefault(name, default if number is None else number)
        limits = 0, TEST_SAMPLES - 1
        index = st.number_input("Number", *limits, key=name, on_change=on_change, width=140)
        query_params.put(name, str(index))
        st.button("Another", icon=":material/casino:", key=f"another {name}", on_click=pick_another)
    return index
