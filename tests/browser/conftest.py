"""What the browser tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.support.waiting import PATIENCE

# Playwright waits five seconds for what is expected, and thirty for a click.
expect.set_options(timeout=1_000 * PATIENCE)


@pytest.fixture
def new_context(new_context: Callable[..., BrowserContext]) -> Callable[..., BrowserContext]:
    """Contexts, and `page` in one of them, that wait as long as the other tests do."""

    def create(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(1_000 * PATIENCE)
        return context

    return create
