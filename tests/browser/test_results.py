"""The Results page in real Chromium: the matrix, an image's panel, and the map respond."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from playwright.sync_api import Page, expect

from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.runs.run import Run
from tests.support.server import Server, settle
from tests.support.waiting import wait_for

pytestmark = pytest.mark.browser


@pytest.fixture
def results_page(page: Page, app_url: str) -> Page:
    """The page once the test set has been evaluated."""
    page.goto(f"{app_url}/Results")
    expect(page.get_by_text("Calibration error").first).to_be_visible()
    # Views are shown before, too, and change while it goes on.
    expect(page.get_by_text("on the test images:")).to_have_count(0)
    settle(page)
    return page


def test_a_cell_is_selected_by_click_and_by_arrow_key(results_page: Page):
    cells = results_page.locator(".matrix button")
    expect(cells).to_have_count(100)
    expect(results_page.locator('.matrix button[aria-pressed="true"]')).to_have_count(1)
    cells.nth(0).click()
    expect(results_page.get_by_text("T-shirt/top, classified correctly")).to_be_visible()
    results_page.keyboard.press("ArrowRight")
    expect(results_page.get_by_text("T-shirt/top, predicted as Trouser")).to_be_visible()
    expect(cells.nth(1)).to_be_focused()
    expect(cells.nth(1)).to_have_attribute("aria-pressed", "true")


def test_an_image_opens_and_leads_to_the_next_and_to_predict(results_page: Page):
    results_page.get_by_test_id("stButtonGroup").get_by_text("Mistakes").click()
    expect(results_page.get_by_text("Most confident mistakes.")).to_be_visible()
    settle(results_page)
    results_page.locator(".gallery button").first.click()
    panel = results_page.get_by_role("dialog")
    expect(panel.get_by_text("Evidence for each class")).to_be_visible()
    expect(panel.locator("img")).to_have_count(3)
    panel.get_by_role("button", name="Next image").click()
    expect(panel.get_by_text("2 of")).to_be_visible()
    caption = panel.get_by_text(re.compile(r"^Test image \d+, labeled")).inner_text()
    number = caption.split()[2].rstrip(",")
    expect(results_page).to_have_url(re.compile(rf"picture={number}\b"))
    panel.get_by_role("button", name="Open in Predict").click()
    heading = results_page.get_by_role("heading", name="Predict", level=1)
    expect(heading).to_be_visible()
    expect(results_page.get_by_text(f"Test image {number}:").first).to_be_visible()


def test_the_map_shows_images_and_a_lasso_lists_them(results_page: Page):
    results_page.get_by_test_id("stButtonGroup").get_by_text("Map").click()
    canvas = results_page.locator(".map canvas")
    canvas.wait_for()
    settle(results_page)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    # An untrained network puts the images anywhere: look for one along a line.
    tip = results_page.locator(".map .tip")
    for step in range(60):
        results_page.mouse.move(box["x"] + box["width"] * step / 60, middle[1])
        if tip.is_visible():
            break
    expect(tip).to_be_visible()
    image = re.compile("test-pictures")
    expect(tip.locator(".thumbnail")).to_have_css("background-image", image)
    corners = ((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.03))
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    results_page.mouse.move(*places[0])
    results_page.mouse.down()
    for place in places[1:]:
        results_page.mouse.move(*place)
    results_page.mouse.up()
    expect(results_page.get_by_text("images selected")).to_be_visible()
    expect(results_page.locator(".gallery button").first).to_be_visible()


def test_a_link_of_version_0_5_opens_its_view_and_image(
    page: Page, app_url: str, results_page: Page
):
    page.goto(f"{app_url}/Results?show=Narrow+hits&picture=12")
    panel = page.get_by_role("dialog")
    expect(panel.get_by_text("Test image 12, labeled Sneaker")).to_be_visible()
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)
    expect(page).not_to_have_url(re.compile("picture="))


def test_copies_are_merged_at_a_threshold(
    page: Page, app_url: str, server: Server, tiny_model: AlexNet
):
    run = Run(server.runs / "20260101-000000-quick-aa")
    run.best.parent.mkdir(parents=True)
    (run.directory / "config.json").write_text('{"recipe": "quick"}')
    model = copy.deepcopy(tiny_model)
    with torch.no_grad():
        filters = model.get_parameter("net.conv2.weight")
        filters[1] = 0.8 * filters[0] + 0.2 * filters[1]  # a cosine of about 0.97
    checkpoint.save_weights(run.best, model, {"epoch": 2, "test_accuracy": 0.5})
    page.goto(f"{app_url}/Results?model={run.id}&show=Distinct+units")
    button = page.get_by_role("button", name="Merge copies and evaluate")
    expect(button).to_be_visible()
    button.click()
    expect(page.get_by_text(re.compile("Merging removes 1 of"))).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    table = page.get_by_test_id("stDataFrame").last.locator(".dvn-scroller")
    expect(table).to_be_visible()
    fits = "table => table.scrollWidth <= table.clientWidth"
    wait_for(lambda: table.evaluate(fits), "columns are off-screen")
    page.get_by_role("slider").press("End")
    expect(page.get_by_text("At a cosine of 0.99")).to_be_visible()
    expect(page.get_by_text("There are no copies to merge")).to_be_visible()
    page.wait_for_url("**cosine=99*")
