"""The app behind a proxy that strips a prefix: figures, images, links, and deep links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


MAP = """
from pathlib import Path
from alexnet_demo.ui.results import embedding_map

embedding_map._SPRITE = Path(__file__).parent / "static" / embedding_map._SPRITE.name
point = {"x": [0.5], "y": [0.5], "labels": [0], "guesses": [0], "classes": ["T-shirt/top"]}
sprite = embedding_map._sprite()
embedding_map._component(
    data={**point, "key": "one", "colors": ["#000000"], "chosen": [], "sprite": sprite},
    default={"chosen": []},
    key="map",
    on_chosen_change=lambda: None,
    on_opened_change=lambda: None,
)
"""


def test_the_map_finds_its_images(page: Page, tmp_path: Path):
    (tmp_path / "static").mkdir()
    (tmp_path / "page.py").write_text(MAP)
    server = Server(tmp_path, str(tmp_path / "page.py"))
    server.start()
    try:
        with proxied(server) as home:
            image = re.compile(f"{PREFIX}/app/static/test-pictures")
            with page.expect_response(image) as answer:
                page.goto(home)
            assert answer.value.ok
            settle(page)
            page.mouse.move(0, 0)
            page.locator(".map canvas").hover()  # its middle, where the image is
            expect(page.locator(".map .thumbnail")).to_have_css("background-image", image)
    finally:
        server.kill()


def test_without_the_script_streamlit_draws_the_figure(page: Page, server: Server):
    with proxied(server, "/app/static/plotly") as home:
        page.goto(f"{home}Architecture")
        expect(page.get_by_test_id("stPlotlyChart").locator(".main-svg").first).to_be_visible()
        settle(page)
        expect(page.locator(".live-plot")).to_have_count(0)
        expect(page.get_by_test_id("stException")).to_have_count(0)
