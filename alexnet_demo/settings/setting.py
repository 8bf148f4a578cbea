"""Describes one setting of a run: its name for people, meaning, range, and choices."""

from __future__ import annotations

import re
import reprlib
from dataclasses import dataclass, field
from decimal import Decimal
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
        pattern: regular expression that a text must match, described by ``help``; empty for none.
        changeable: whether a paused run may resume with another value.
    """

    default: Any
    label: str
    help: str
    bounds: tuple[float, ...] = ()
    step: float = 1
    choices: tuple[str, ...] = ()
    pattern: str = ""
    changeable: bool = False

    @property
    def range(self) -> str:
        """Such as ``1 to 4,096``; empty unless the setting is a number."""
        return " to ".join(f"{bound:,.10g}" for bound in self.bounds)

    def text(self, value: Any) -> str:
        """A value in words."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, float):
            return f"{value:g}"
        return f"{value:,}" if isinstance(value, int) else str(value) or "none"

    def check(self, value: Any) -> None:
        """Raise `ConfigError` for a value out of range (also NaN) or of an unknown text."""
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            allowed = self.range.replace(" to ", " and ")
            # Decimal, since a format with a point would turn an integer of 400 digits into a float
            given = f"{Decimal(value):,.10g}"
            raise ConfigError(f"{self.label} must be between {allowed}, not {given}.")
        if self.choices and value not in self.choices:
            choices = ", ".join(self.choices)
            raise ConfigError(f"Unknown {self.label.lower()} {shown(value)}: choose {choices}.")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise ConfigError(f"{self.label} must be {self.help}, not {shown(value)}.")

    def allows(self, value: Any) -> bool:
        """Whether `check` accepts a value of this type."""
        try:
            self.check(value)
        except (ConfigError, TypeError):
            return False
        return True


def shown(value: Any) -> str:
    """A value for an error message, shortened."""
    return reprlib.repr(value)


def setting(*args: Any, **kwargs: Any) -> Any:
    """A dataclass field that carries the `Setting` with these arguments as metadata."""
    metadata = Setting(*args, **kwargs)
    return field(default=metadata.default, metadata={"setting": metadata})


def option(name: str) -> str:
    """The command-line option of a setting."""
    return f"--{name.replace('_', '-')}"
