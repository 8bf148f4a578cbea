"""Describes one setting of a run: its name for people, meaning, range, and choices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from alexnet_demo.common.errors import ConfigError


@dataclass(frozen=True)
class Setting:
    """What the form, the command line, and validation need to know about a setting.

    Attributes:
        default: its type is the setting's type.
        bounds: lowest and highest allowed number; empty unless the setting is a number.
        step: increment of the form's number field.
        choices: allowed values of a text; empty for any.
        changeable: whether a paused run may resume with another value.
    """

    default: Any
    label: str
    help: str
    bounds: tuple[float, ...] = ()
    step: float = 1
    choices: tuple[str, ...] = ()
    changeable: bool = False

    @property
    def range(self) -> str:
        """Such as ``1 to 4,096``; empty unless the setting is a number."""
        return " to ".join(f"{bound:,.10g}" for bound in self.bounds)

    def check(self, value: Any) -> None:
        """Raise `ConfigError` for a value out of range (also NaN) or not among the choices."""
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            allowed = self.range.replace(" to ", " and ")
            raise ConfigError(f"{self.label} must be between {allowed}, not {value:,.10g}.")
        if self.choices and value not in self.choices:
            choices = ", ".join(self.choices)
            raise ConfigError(f"Unknown {self.label.lower()} {value!r}: choose {choices}.")


def setting(*args: Any, **kwargs: Any) -> Any:
    """A dataclass field that carries the `Setting` with these arguments as metadata."""
    metadata = Setting(*args, **kwargs)
    return field(default=metadata.default, metadata={"setting": metadata})


def option(name: str) -> str:
    """The command-line option of a setting."""
    return f"--{name.replace('_', '-')}"
