"""Jinja templates that live beside the code that fills them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def environment(
    folder: Path, *, autoescape: bool = False, **filters: Callable[..., Any]
) -> Environment:
    """The templates in a folder; an undefined variable is an error.

    An environment caches the templates that it has compiled, so keep it where it is used often.
    """
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters
    return environment
