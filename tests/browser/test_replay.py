"""The training replay in Chromium: slider, playback, and the step in the address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.server import Server, settle
from tests.ui.test_page_replay import finished

pytestmark = pytest.mark.browser
RUN = "20260101-000000-article-aa"


def slider(page: Page) -> Locator:
    return page.locator(".replay input[type=range]")


def move(page: Page, place: int) -> None:
    """Drag the slider, by the events that a drag fires."""
    slider(page).evaluate(
        """(range, place) => {
            range.value = place;
            range.dispatchEvent(new Event("input", { bubbles: true }));
            range.dispatchEvent(new Event("change", { bubbles: true }));
        }""",
        place,
    )


@pytest.fixture(scope="module")
def replayed(server: Server) -> str:
    """The address of a finished run with three snapshots."""
    finished(server.runs / RUN, 0, 100, 469)
    return f"{server.url}/Train?run={RUN}"


def test_the_slider_selects_a_snapshot_and_the_address_keeps_it(page: Page, replayed: str):
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(replayed)
    settle(page)
    when = page.locator(".replay .when")
    expect(when).to_contain_text("step 469")
    expect(page.locator(".replay figure")).to_have_count(10)
    expect(page.locator(".replay .confusion td")).to_have_count(100)
    move(page, 1)
    expect(when).to_contain_text("Epoch 1 of 1 · step 100")
    expect(page).to_have_url(re.compile("moment=100"))
    page.reload()
    settle(page)
    expect(when).to_contain_text("step 100")
    slider(page).press("ArrowLeft")
    expect(when).to_contain_text("Before the first step")
    assert not errors


def test_playback_reaches_the_end(page: Page, replayed: str):
    page.goto(replayed)
    settle(page)
    when = page.locator(".replay .when")
    move(page, 0)
    expect(when).to_contain_text("Before the first step")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(when).to_contain_text("step 469")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_a_phone_does_not_scroll_sideways(page: Page, replayed: str):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(replayed)
    settle(page)
    expect(page.locator(".replay .when")).to_contain_text("step 469")
    over = "e => e.scrollWidth - e.clientWidth"
    assert page.locator(".replay").evaluate(over) <= 0
    assert page.get_by_test_id("stMain").evaluate(over) <= 0
