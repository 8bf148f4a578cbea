"""The training form's values in the session, which outlast a switch to another page.

The address holds them too, so that a link can bring them: ``/Train?recipe=fast&epochs=3``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.settings.config import CHOICES, TrainConfig
from alexnet_demo.settings.recipes import RECIPES

# Text in st.session_state survives a page switch only under keys that are no widget's.
DRAFT = "training draft"
OF_THE_MACHINE = ("device", "devices", "checkpoint_minutes")
"""Settings that belong to a machine: neither a recipe nor a link changes them."""
LINKED = tuple(
    name
    for name in TrainConfig().to_json()
    # A multiplier would change a training without being seen: it has no place in the form.
    if name not in ("recipe", "lr_scale", *OF_THE_MACHINE)
)
"""Settings that the address can hold, beside the recipe."""
_GREATEST = 2**53 - 1  # of the whole numbers that a browser can count to
_LONGEST = 200  # characters of text
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def key(name: str) -> str:
    """The key of a setting's widget."""
    return f"form {name}"


def begin() -> None:
    """Fill the form where it is newly opened: from a link, else with the draft.

    Only then: what a browser tells of its address later may be older than what was typed since.
    """
    if key("recipe") not in st.session_state and (address := _address()):
        for name, value in of_link(address).items():
            st.session_state[key(name)] = value
    draft = st.session_state.get(DRAFT, TrainConfig().to_json())
    for name, value in draft.items():
        st.session_state.setdefault(key(name), value)


def keep() -> dict[str, Any]:
    """Take the widgets' values down, also in the address, and return them by setting."""
    draft = {name: st.session_state[key(name)] for name in TrainConfig().to_json()}
    st.session_state[DRAFT] = draft
    _write(as_link(draft))
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


# ------------------------------------------------------------------ the address


def leave_address() -> None:
    """Take the settings off the address, which is about to name a run instead."""
    _write({})


def of_link(address: Mapping[str, str]) -> dict[str, Any]:
    """Values for the form: the recipe's, and those that the link gives.

    What is no setting or no value of its kind is passed over; what is merely impossible, such as
    0 epochs, is taken, so that the form can say what is wrong with it.
    """
    recipe = address.get("recipe", "")
    settings = TrainConfig.from_recipe(recipe if recipe in RECIPES else "article").to_json()
    given = {name: _value(name, address[name]) for name in LINKED if name in address}
    settings |= {name: value for name, value in given.items() if value is not None}
    return {name: value for name, value in settings.items() if name not in OF_THE_MACHINE}


def as_link(values: Mapping[str, Any]) -> dict[str, str]:
    """The recipe and what differs from it; nothing for the form as it is at first."""
    recipe = TrainConfig.from_recipe(values["recipe"]).to_json()
    link = {name: _text(values[name]) for name in LINKED if values[name] != recipe[name]}
    named = values["recipe"] != TrainConfig().recipe
    return {"recipe": values["recipe"], **link} if named else link


def _value(name: str, text: str) -> Any:
    """What a link says of a setting; None where that is no value of its kind."""
    kind = type(getattr(TrainConfig(), name))
    if name in CHOICES:
        return text if text in CHOICES[name] else None
    if kind is bool:
        return _TRUTHS.get(text.lower())
    if kind is str:
        return text[:_LONGEST]
    try:
        number: float = kind(text)
    except ValueError:
        return None
    return number if abs(number) <= _GREATEST else None  # nor is NaN


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _address() -> dict[str, str]:
    return {n: st.query_params[n] for n in ("recipe", *LINKED) if n in st.query_params}


def _write(link: dict[str, str]) -> None:
    """Let the address say this, and leave what else it says."""
    before = _address()
    if link != before:
        others = {n: v for n, v in st.query_params.to_dict().items() if n not in before}
        st.query_params.from_dict(others | link)
