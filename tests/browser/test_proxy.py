"""The app behind a proxy that strips a prefix: figures, images, links, and deep links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Response, expect

from tests.support.server import Server, settle
from tests.support.strip_proxy import PREFIX, StripProxy

pytestmark = pytest.mark.browser


@contextmanager
def proxied(server: Server, blocked: str = "(?!)") -> Iterator[str]:
    """Address of the app's home page behind a new proxy."""
    proxy = StripProxy(server.port, blocked)
    yield proxy.url
    proxy.close()


@pytest.fixture
def home(server: Server) -> Iterator[str]:
    with proxied(server) as url:
        yield url


def test_figures_and_deep_links_work(page: Page, home: str):
    lost: list[str] = []

    def note(answer: Response) -> None:
        if answer.status >= 400 and "_stcore" not in answer.url:  # it tries paths for its server
            lost.append(answer.url)

    page.on("response", note)
    page.goto(f"{home}Architecture")
    expect(page.locator(".live-plot .main-svg").first).to_be_visible()
    settle(page)
    assert not lost


def test_links_keep_the_prefix(page: Page, home: str):
    page.goto(home)
    menu = page.get_by_test_id("stSidebar")
    for name in ("Train", "Architecture", "Tour"):
        menu.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        expect(page).to_have_url(re.compile(f"{PREFIX}/{name}"))
    page.reload()
    expect(page.get_by_role("heading", name="Tour", level=1)).to_be_visible()
    for link in page.get_by_role("main").get_by_role("link").all():
        address = link.evaluate("e => e.href")
        assert address.startswith(home) or not address.startswith("http://127"), address


@pytest.mark.slow
def test_the_map_shows_images(page: Page, app_url: str, home: str):
    """Slow, since it needs a pass over the test set."""
    with page.expect_response(re.compile("test-pictures"), timeout=600_000) as answer:
        page.goto(f"{home}Results?show=Map")
    assert answer.value.ok and PREFIX in answer.value.url


def test_without_the_script_streamlit_draws_the_figure(page: Page, server: Server):
    with proxied(server, "/app/static/plotly") as home:
        page.goto(f"{home}Architecture")
        expect(page.get_by_test_id("stPlotlyChart").locator(".main-svg").first).to_be_visible()
        settle(page)
        expect(page.locator(".live-plot")).to_have_count(0)
        expect(page.get_by_test_id("stException")).to_have_count(0)
