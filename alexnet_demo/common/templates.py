"""Jinja templates that live beside the code that fills them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(
    package: str, *, autoescape: bool = False, **filters: Callable[..., Any]
) -> Environment:
    """The templates in a package's folder ``templates``; an undefined variable is an error."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment
