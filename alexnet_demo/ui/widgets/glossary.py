"""Short explanations of terms, collapsed until somebody opens them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from alexnet_demo.ui.widgets.markdown import sections

TOPICS = sections(Path(__file__).with_suffix(".md"), 3)
"""Markdown by topic."""


def explain(title: str, *topics: str) -> None:
    """A line that opens an explanation.

    Args:
        title: the line's text.
        topics: keys of `TOPICS` to show; the title itself if none are given.
    """
    with st.expander(title, icon=":material/school:"):
        show_topics(title, *topics)


def show_topics(title: str, *topics: str) -> None:
    """An explanation without a line to open it; arguments as of `explain`."""
    with st.container(key=f"explain {title}", gap="small"):
        for topic in topics:
            st.markdown(f"**{topic}{'' if topic.endswith('?') else '.'}** {TOPICS[topic]}")
        if not topics:
            st.markdown(TOPICS[title])
