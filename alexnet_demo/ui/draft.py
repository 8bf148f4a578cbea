"""The training form's values in the session, which outlast a switch to another page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from alexnet_demo.config import RECIPES, ConfigError, TrainConfig

# Text in st.session_state survives a page switch only under keys that are no widget's.
DRAFT = "training draft"


def key(name: str) -> str:
    """The key of a setting's widget."""
    return f"form {name}"


def begin() -> None:
    """Put the draft's values into the widgets that this page has not shown yet."""
    recipe = st.query_params.get("recipe", "article")
    settings = TrainConfig.from_recipe(recipe if recipe in RECIPES else "article")
    draft = st.session_state.get(DRAFT, settings.to_json())
    for name, value in draft.items():
        st.session_state.setdefault(key(name), value)


def keep() -> dict[str, Any]:
    """Take the widgets' values down, and return them by setting."""
    draft = {name: st.session_state[key(name)] for name in TrainConfig().to_json()}
    st.session_state[DRAFT] = draft
    return draft


def fill(settings: TrainConfig, kept: tuple[str, ...] = ()) -> None:
    """Show these settings in the form, but for the ``kept`` ones."""
    for name, value in settings.to_json().items():
        if name not in kept:
            st.session_state[key(name)] = value


def problems(values: dict[str, Any]) -> list[str]:
    """All that is wrong with the values, a sentence each."""
    found = []
    # Each is tried on top of the good ones before it; a momentum, so that a bad one is one error.
    good: dict[str, Any] = {"momentum": 0.9}
    for name, value in values.items():
        try:
            TrainConfig(**{**good, name: value})
        except ConfigError as error:
            found.append(str(error))
        else:
            good[name] = value
    return found
