"""Every page by its address on a fresh server, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.server import Server, settle

pytestmark = pytest.mark.browser
PAGES = {
    "Architecture": ("Architecture", "46,764,746"),  # first, so that nothing else ran before it
    "Train": ("Train", "Start training"),
    "Predict": ("Predict", "Start a quick run"),
    "Results": ("Results", "Start a quick run"),
    "Tour": ("Tour", "1. Draw a shirt"),
    "Story": ("Why AlexNet mattered", "60,965,224"),
    "Experiments": ("Experiments", "Twin runs"),
    "": ("Teach a network to recognize clothing", "No trained model yet"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_deep_link_shows_the_page_whole(page: Page, server: Server, path: str, scheme: str):
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.url}/{path}")
    heading, content = PAGES[path]
    expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
    expect(page.get_by_text(content).first).to_be_visible()
    settle(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # no sideways scrolling
    assert not failed


def test_the_menu_leads_to_every_page(page: Page, server: Server):
    page.goto(server.url)
    for name in (*filter(None, PAGES), "Home"):
        page.get_by_test_id("stSidebar").get_by_role("link", name=name).click()
        heading = PAGES["" if name == "Home" else name][0]
        expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
