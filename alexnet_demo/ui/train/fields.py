"""A field for each setting of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import streamlit as st

from alexnet_demo.settings.config import SETTINGS
from alexnet_demo.ui.train import form_state, measurement
from alexnet_demo.ui.widgets.markdown import plain

_TEXT = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
_GROUPS: dict[str, list[str]] = _TEXT["groups"]
_CHOICE_NAMES: dict[str, str] = _TEXT["choices"]
FIRST = ("epochs", "train_samples", "width")
"""The settings above Start; `grouped_fields` shows the others."""
OF_SEVERAL_GPUS = ("devices", "sync_batchnorm")


def first_fields() -> None:
    """The settings that decide most about time and result, in one row also on a phone."""
    with st.container(horizontal=True, key="first-fields", gap="small"):
        for name in FIRST:
            field(st, name)


def grouped_fields() -> None:
    """All other settings, by heading."""
    gpus = sum(name.startswith("cuda") for name in list(measurement.DEVICES))
    for group, names in _GROUPS.items():
        st.markdown(f"**{group}**")
        shown = [name for name in names if name not in OF_SEVERAL_GPUS or gpus > 1]
        for start in range(0, len(shown), 3):
            columns = st.columns(3, vertical_alignment="bottom")
            for column, name in zip(columns, shown[start : start + 3], strict=False):
                field(column, name)


def field(place: Any, name: str) -> None:
    """A setting's widget."""
    key, setting = form_state.key(name), SETTINGS[name]
    options = {"key": key, "help": setting.help}
    names, choices = _CHOICE_NAMES, setting.choices
    if name == "device":
        # The CPU also where measuring failed: on a GPU, say.
        names = {"auto": "Automatic (a GPU if available)", **measurement.DEVICES}
        names.setdefault("cpu", "CPU")
        choices = tuple(dict.fromkeys([*names, st.session_state[key]]))
    if choices:
        place.selectbox(setting.label, choices, format_func=lambda c: names.get(c, c), **options)
        for gpu, problem in list(measurement.UNUSABLE.items()) if name == "device" else ():
            place.caption(f":material/warning: {gpu} cannot be used: {plain(problem)}.")
    elif setting.range:
        number_field(place, name, key)
    elif isinstance(setting.default, bool):
        place.checkbox(setting.label, **options)
    else:
        place.text_input(setting.label, placeholder="none", **options)


def number_field(place: Any, name: str, key: str, **options: Any) -> Any:
    """A number field. It allows any value, so that `TrainConfig` can explain the range."""
    setting = SETTINGS[name]
    kind = type(setting.default)
    return place.number_input(
        setting.label,
        key=key,
        step=kind(setting.step),
        format="%g" if kind is float else "%d",
        help=f"{setting.help} {setting.range}.",
        **options,
    )
