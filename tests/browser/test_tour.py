"""The tour in Chromium: from stop to stop, and links that restore a page's state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from alexnet_demo.settings import paths
from alexnet_demo.settings.experiments import EXPERIMENTS
from alexnet_demo.ui.experiments.lessons import LESSONS
from alexnet_demo.ui.frame.stops import STOPS
from alexnet_demo.ui.widgets.navigation import ARCHITECTURE, STORY
from tests.support.server import Server, settle
from tests.ui.test_page_results import cache_results, random_results

pytestmark = pytest.mark.browser


@pytest.fixture
def answered(server: Server, app_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an app whose test results are cached already."""
    monkeypatch.setattr(paths, "RUNS_DIR", server.runs)
    cache_results(server.weights / paths.SHIPPED_WEIGHTS, random_results(1))
    return app_url


def at_stop(page: Page, number: int) -> dict[str, str]:
    """Wait for a stop's bar, and return the query parameters of the address."""
    title = f"Stop {number} of {len(STOPS)}: {STOPS[number - 1].title}"
    expect(page.locator(".st-key-tour-bar").get_by_text(title)).to_be_visible()
    settle(page)
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def follow(page: Page, label: str = "Next") -> None:
    page.locator(".st-key-tour-bar").get_by_role("link", name=label).click()


def test_the_tour_leads_from_its_first_stop_to_its_end(page: Page, answered: str):
    page.goto(f"{answered}/Tour")
    page.get_by_role("button", name="Start the tour").click()
    for number, stop in enumerate(STOPS, 1):
        address = at_stop(page, number)
        assert address["tour"] == str(number)
        assert stop.script.split("_")[-1].removesuffix(".py") == urlsplit(page.url).path[1:]
        # Pages leave defaults out of their addresses; the recipe's is for machines without a GPU.
        defaults = {("source", "Draw"), ("beside", "Nothing"), ("recipe", "quick")}
        defaults |= {("lesson", next(iter(LESSONS))), ("experiment", next(iter(EXPERIMENTS)))}
        assert address.items() >= stop.state.items() - defaults
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if "picture" in stop.state and "show" in stop.state:
            close_image(page)
        if number < len(STOPS):
            follow(page)
    expect(page.get_by_role("radio", name="Confidence")).to_be_checked()
    follow(page, "The end")
    expect(page.get_by_role("heading", name="Tour", level=1)).to_be_visible()


def close_image(page: Page) -> None:
    """Close the test image that a stop's link opens."""
    expect(page.get_by_role("dialog")).to_contain_text("Test image 5806")
    settle(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_on_a_phone_the_bar_stays_compact_and_the_page_scrolls_to_the_panel(
    page: Page, app_url: str
):
    page.set_viewport_size({"width": 390, "height": 664})
    for number, stop in enumerate(STOPS, 1):
        if stop.script != ARCHITECTURE:
            continue
        page.goto(f"{app_url}/Architecture?{urlencode({**stop.state, 'tour': number})}")
        at_stop(page, number)
        page.wait_for_function(
            """target => {
              const [bar, panel] = ["tour-bar", target].map(
                (key) => document.querySelector(`.st-key-${key}`)?.getBoundingClientRect());
              return bar && panel && bar.top >= 0 && bar.height < innerHeight / 3
                && panel.top >= bar.bottom && panel.top < bar.bottom + innerHeight / 3;
            }""",
            arg=stop.target,
        )
        expect(page.locator(".st-key-tour-bar").get_by_role("link", name="Next")).to_be_visible()


def test_a_question_is_answered_by_keyboard_on_a_phone(page: Page, app_url: str):
    number, stop = next((n, s) for n, s in enumerate(STOPS, 1) if s.script == STORY)
    wrong, right = (
        next(option for option in stop.options if option.right == it) for it in (False, True)
    )
    page.set_viewport_size({"width": 390, "height": 664})
    page.goto(f"{app_url}/Story?tour={number}")
    at_stop(page, number)
    page.get_by_role("button", name="Question").press("Enter")
    expect(page.get_by_text(stop.question)).to_be_visible()
    expect(page.get_by_text(stop.answer[:40])).not_to_be_visible()
    page.get_by_role("button", name=wrong.text, exact=True).press("Enter")
    expect(page.get_by_text(wrong.feedback)).to_be_visible()
    page.get_by_role("button", name=right.text, exact=True).press("Enter")
    expect(page.get_by_text(right.feedback)).to_be_visible()
    expect(page.get_by_text(stop.answer[:40])).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    follow(page)
    at_stop(page, number + 1)
    follow(page, "Back")
    at_stop(page, number)
    page.get_by_role("button", name="Question").click()
    expect(page.get_by_text(right.feedback)).to_be_visible()  # what was chosen is kept


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[str]:
    """The address of a server that counts a class."""
    server = Server(tmp_path, environment={"ALEXNET_DEMO_CLASS": "1"})
    server.start()
    yield server.url
    server.kill()


def test_the_class_view_counts_what_another_browser_does(
    page: Page, new_context: Callable[..., BrowserContext], counting: str
):
    page.goto(f"{counting}/Tour")
    expect(page.get_by_text("With a class")).to_be_visible()
    page.get_by_text("With a class").click()
    page.get_by_role("button", name="Class view").click()
    expect(page.get_by_text("Tabs at a stop now: 0")).to_be_visible()
    number, stop = next((n, s) for n, s in enumerate(STOPS, 1) if s.script == STORY)
    student = new_context().new_page()
    student.goto(f"{counting}/Story?tour={number}")
    at_stop(student, number)
    expect(page.get_by_text("Tabs at a stop now: 1")).to_be_visible()
    student.get_by_role("button", name="Question").click()
    student.get_by_role("button", name=stop.options[-1].text, exact=True).click()
    expect(page.get_by_text("Questions answered: 1")).to_be_visible()
    follow_from = student.locator(".st-key-tour-bar").get_by_role("link", name="Next")
    student.keyboard.press("Escape")
    follow_from.click()
    at_stop(student, number + 1)
    expect(page.get_by_role("listitem").filter(has_text=STOPS[number].title)).to_contain_text(
        "1 here now"
    )
    student.close()
    expect(page.get_by_text("Tabs at a stop now: 0")).to_be_visible()
    expect(page.get_by_text("Questions answered: 1")).to_be_visible()
    page.get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Questions answered: 0")).to_be_visible()


def test_a_link_opens_its_sample_and_the_address_follows(page: Page, app_url: str):
    page.goto(f"{app_url}/Predict?source=Samples&sample=17")
    expect(page.get_by_alt_text("Test image 17: Coat")).to_be_visible()
    settle(page)
    page.get_by_test_id("stMain").get_by_role("radio", name="Draw").click()
    expect(page.locator("canvas[tabindex]")).to_be_visible()
    expect(page).not_to_have_url(re.compile("source="))
    page.goto(f"{app_url}/Predict?source=Samples&sample=0")
    expect(page.get_by_alt_text("Test image 0: Ankle boot")).to_be_visible()
    page.get_by_role("spinbutton", name="Number").fill("3")
    page.keyboard.press("Enter")
    expect(page.get_by_alt_text("Test image 3: Trouser")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/Predict\?(?=.*source=Samples)(?=.*sample=3)"))


def test_a_link_to_a_recipe_fills_the_form(page: Page, app_url: str):
    page.goto(f"{app_url}/Train?recipe=fast&epochs=3&train_samples=6400")
    expect(page.get_by_role("spinbutton", name="Epochs").first).to_have_value("3")
    expect(page.get_by_role("spinbutton", name="Training images")).to_have_value("6400")
    expect(page.get_by_role("radio", name="Fast")).to_be_checked()
    settle(page)
    page.get_by_role("spinbutton", name="Training images").fill("3200")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{app_url}/Train?recipe=fast&epochs=3&train_samples=3200")


def test_the_address_of_results_names_the_view(page: Page, app_url: str):
    page.goto(f"{app_url}/Results?show=Classes")
    expect(page.get_by_role("radio", name="Classes")).to_be_checked()
    page.get_by_role("radio", name="Barely correct").click()
    expect(page).to_have_url(re.compile(r"show=Barely(\+|%20)correct"))
    page.goto(f"{app_url}/Results?show=Narrow+hits")  # its name in old links
    expect(page.get_by_role("radio", name="Barely correct")).to_be_checked()
