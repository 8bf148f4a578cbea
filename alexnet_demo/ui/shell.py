"""The frame around every page."""

from __future__ import annotations

import streamlit as st


def page(title: str) -> None:
    """Begin a page: browser title, icon, layout, sidebar. Called first on every page."""
    st.set_page_config(page_title=f"{title} · AlexNet Demo", page_icon=":material/checkroom:")
    st.title(title)
