"""The form's values in the session, where they survive a page switch, and in the address.

A link can set them: ``/Train?recipe=fast&epochs=3``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from alexnet_demo.common import machine
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.runs import ray_client
from alexnet_demo.settings.config import SETTINGS, TrainConfig
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.ui.widgets.run_link import LINKED, MACHINE, to_query

DRAFT = "training draft"  # session state: Streamlit drops widgets' own keys on a page switch
_MAX_NUMBER = 2**53 - 1  # largest integer that JavaScript represents exactly
_MAX_TEXT = 200
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def default_recipe() -> str:
    """The recipe that the form begins with: the article's, unless it would take hours here."""
    return "article" if machine.has_gpu() or ray_client.address() else "quick"


def key(name: str) -> str:
    """The key of a setting's widget."""
    return f"form {name}"


def set_value(name: str, value: Any) -> None:
    """Show this value in the form; only before the widget is created, such as in a callback."""
    st.session_state[key(name)] = value


def fill(settings: TrainConfig, keep: tuple[str, ...] = ()) -> None:
    """Show these settings in the form, except for those to keep."""
    for name, value in settings.to_json().items():
        if name not in keep:
            set_value(name, value)


def restore() -> None:
    """Fill the form from the link or the draft, when the page is opened.

    Only then: the address that the browser reports later may lag behind what was typed.
    """
    if key("recipe") not in st.session_state and (link := address()):
        for name, value in from_link(link).items():
            set_value(name, value)
    default = TrainConfig.from_recipe(default_recipe()).to_json()
    for name, value in st.session_state.get(DRAFT, default).items():
        st.session_state.setdefault(key(name), value)


def store() -> dict[str, Any]:
    """Store the widgets' values as the draft and in the address, and return them by setting."""
    draft = {name: st.session_state[key(name)] for name in SETTINGS}
    st.session_state[DRAFT] = draft
    write_address(to_link(draft))
    return draft


def keep(values: Mapping[str, Any]) -> None:
    """Keep values whose widgets are hidden: Streamlit forgets what was entered in them.

    After all widgets; those shown cannot be set any more and keep their values by themselves.
    """
    for name, value in values.items():
        with suppress(StreamlitAPIException):
            set_value(name, value)


def errors(values: dict[str, Any]) -> list[str]:
    """All invalid values, one sentence each."""
    messages = []
    # Each value is checked with the valid ones before it. With a momentum set, an invalid momentum
    # is one error, not also one of Nesterov's.
    valid: dict[str, Any] = {"momentum": 0.9}
    for name, value in values.items():
        try:
            TrainConfig(**{**valid, name: value})
        except ConfigError as error:
            messages.append(str(error))
        else:
            valid[name] = value
    return messages


def from_link(link: Mapping[str, str]) -> dict[str, Any]:
    """Values for the form: the recipe's, overridden by the link's.

    Unknown settings and values of the wrong type are ignored. Values that are merely out of range,
    such as 0 epochs, are accepted, so that the form can report them. A link that names no recipe
    means the article's, so that it opens the same on every machine.
    """
    recipe = link.get("recipe", "")
    values = TrainConfig.from_recipe(recipe if recipe in RECIPES else "article").to_json()
    for name in LINKED:
        if name in link and (value := _parse(name, link[name])) is not None:
            values[name] = value
    return {name: value for name, value in values.items() if name not in MACHINE}


def to_link(values: Mapping[str, Any]) -> dict[str, str]:
    """The recipe and what differs from it; empty for the form's initial state."""
    link = to_query(values)
    return {} if link == {"recipe": default_recipe()} else link


def _parse(name: str, text: str) -> Any:
    """A setting's value in a link; None if it is of the wrong type."""
    choices, kind = SETTINGS[name].choices, type(SETTINGS[name].default)
    if kind is str:
        return text[:_MAX_TEXT] if not choices or text in choices else None
    try:
        value: float = _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (KeyError, ValueError):
        return None
    return value if abs(value) <= _MAX_NUMBER else None  # NaN fails, too


def address() -> dict[str, str]:
    """The settings in the page's address."""
    return {name: st.query_params[name] for name in ("recipe", *LINKED) if name in st.query_params}


def write_address(link: dict[str, str]) -> None:
    """Replace the settings in the address, and leave its other parameters."""
    before = address()
    if link != before:
        others = {n: v for n, v in st.query_params.to_dict().items() if n not in before}
        st.query_params.from_dict(others | link)
