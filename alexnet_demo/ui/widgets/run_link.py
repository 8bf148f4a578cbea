"""The address of Train that fills its form with settings: ``?recipe=fast&epochs=3``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alexnet_demo.settings.config import SETTINGS, TrainConfig

MACHINE = ("device", "devices", "sync_batchnorm", "checkpoint_minutes")
"""Settings of the machine: neither a recipe nor a link changes them."""
LINKED = tuple(name for name in SETTINGS if name not in ("recipe", "lr_scale", *MACHINE))
"""Settings that the address can hold beside the recipe; the form does not show lr_scale."""


def to_query(values: Mapping[str, Any]) -> dict[str, str]:
    """The recipe, and the settings that differ from it.

    Args:
        values: all settings by name, as of `TrainConfig.to_json`.
    """
    recipe = TrainConfig.from_recipe(values["recipe"]).to_json()
    changed = {name: _text(values[name]) for name in LINKED if values[name] != recipe[name]}
    return {"recipe": values["recipe"], **changed}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)
