"""What the form holds below Start, in one place: settings, previews, learning rate, code."""

from __future__ import annotations

import shlex

import streamlit as st

from alexnet_demo.figures import training
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.components.plot import live_plot
from alexnet_demo.ui.train import downloads, fields
from alexnet_demo.ui.train.data_preview import data_preview
from alexnet_demo.ui.train.lr_range_test import has_lr_test, lr_range_test
from alexnet_demo.ui.widgets import glossary

OPEN = "details"  # session state: whether the section is open
TAB = "details tab"  # session state: the selected tab
TERMS = (
    *("Epoch and batch", "Learning rate", "Momentum", "Schedule", "Weight decay", "Dropout"),
    *("Data augmentation", "Batch normalization", "Growth", "Weight initialization"),
)


def details(settings: TrainConfig | None) -> None:
    """A section with tabs; only the selected tab of an open section is generated.

    Args:
        settings: of the form; None where it has errors.
    """
    testing = has_lr_test()
    section = st.expander(
        "Settings and details", testing, icon=":material/tune:", key=OPEN, on_change="rerun"
    )
    if not section.open:
        return
    tabs = {
        "Settings": fields.grouped_fields,
        "Learning rate": lambda: _learning_rate(settings),
        "Training data": lambda: data_preview(settings) if settings else _needs_settings(),
        "Code": lambda: code(settings, "script of form") if settings else _needs_settings(),
        "Terms": lambda: glossary.show_topics("What the settings mean", *TERMS),
    }
    default = "Learning rate" if testing else None
    with section:
        places = st.tabs(list(tabs), default=default, key=TAB, on_change="rerun")
    for place, show in zip(places, tabs.values(), strict=True):
        if place.open:
            with place:
                show()


def _needs_settings() -> None:
    st.caption("Available once the settings above are valid.")


def _learning_rate(settings: TrainConfig | None) -> None:
    if settings:
        st.markdown("**Schedule**")
        figure = training.schedule_figure(settings)
        live_plot(figure, "Learning rate by epoch", "schedule", zoom=False)
    st.markdown("**Find a learning rate**")
    lr_range_test(settings)


def code(settings: TrainConfig, key: str) -> None:
    """The command that starts a run with these settings, and a download of it as a script."""
    st.caption("Start the same run from a terminal:")
    command = ["python", "-m", "alexnet_demo", *settings.command()]
    st.code(shlex.join(command), language="bash", wrap_lines=True)
    downloads.script_button(settings, key)
