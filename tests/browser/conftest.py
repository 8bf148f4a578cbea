"""What the browser tests share."""

from __future__ import annotations

from playwright.sync_api import expect

# Playwright waits five seconds; a busy machine may take minutes to start a trainer, and slow is
# not wrong.
expect.set_options(timeout=180_000)
