"""The Architecture page in Chromium: blocks, channels, and cells by click or key; saved files."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from alexnet_demo.export import onnx
from tests.support.server import settle, steady_box

pytestmark = pytest.mark.browser


def test_a_block_and_one_of_its_channels_are_selected(page: Page, app_url: str):
    page.goto(f"{app_url}/Architecture")
    block = page.locator(".block[data-layer=conv2]")
    block.wait_for()
    settle(page)
    block.click()
    expect(page.get_by_text("filters of 5×5, stride 1")).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_text("Output", exact=True).click()
    tiles = page.locator(".gallery button")
    expect(tiles.first).to_be_visible()
    expect(page.locator('.gallery button[aria-pressed="true"]')).to_have_count(1)
    name = tiles.nth(2).inner_text()
    tiles.nth(2).click()
    expect(tiles.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text(f"{name}, 26×26")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".block[data-layer=fc8]").click()
    expect(page.get_by_test_id("stButtonGroup").get_by_text("Decision")).to_be_visible()


def test_the_code_and_the_diagram_select_each_other(page: Page, app_url: str):
    page.goto(f"{app_url}/Architecture?layer=pool2")
    page.locator(".block").first.wait_for()
    settle(page)
    page.get_by_text("The article’s code").click()
    selected = page.locator('.code [aria-pressed="true"]')
    expect(selected).to_have_attribute("data-layer", "pool2")
    page.locator(".code [data-layer=conv4]").click()
    expect(page.locator(".block[data-layer=conv4]")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("384 filters of 3×3, stride 1")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".block[data-layer=conv5]")).to_have_attribute("aria-pressed", "true")
    page.wait_for_url("**layer=conv5*")
    page.locator(".block[data-layer=fc8]").click()
    expect(selected).to_have_attribute("data-layer", "fc8")
    expect(selected).to_be_in_viewport()


def test_a_unit_is_selected_by_click_and_by_arrow_key(page: Page, app_url: str):
    page.goto(f"{app_url}/Architecture?layer=pool1&view=One+unit")
    cells = page.locator(".cells")
    cells.wait_for()
    settle(page)
    side = steady_box(cells)["width"] / 26  # pool1's maps are 26×26
    cells.click(position={"x": 7.5 * side, "y": 3.5 * side})
    row, column = (page.get_by_label(name, exact=True) for name in ("Row", "Column"))
    expect(row).to_have_value("3")
    expect(column).to_have_value("7")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(row).to_have_value("5")
    expect(column).to_have_value("6")
    expect(page.locator(".readout")).to_contain_text("Row 5, column 6: ")
    # The map's value is the maximum of the window in the table.
    value = float(page.locator(".readout").inner_text().split(": ")[1])
    expect(page.get_by_text(f"values is the output: {value:.3f}")).to_be_visible()
    page.wait_for_url("**unit=*.5.6")
    row.fill("25")
    row.press("Enter")
    expect(page.locator(".readout")).to_contain_text("Row 25, column 6: ")


def test_what_excites_a_channel_leads_to_the_image_in_predict(page: Page, app_url: str):
    page.goto(f"{app_url}/Architecture?layer=conv2&view=What+excites+it")
    tiles = page.locator(".st-key-grid-What-excites-it-conv2-0 .gallery button")
    expect(tiles.first).to_be_visible()
    settle(page)
    channel = tiles.nth(1).locator(".caption").inner_text()
    tiles.nth(1).click()
    expect(tiles.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text(f"{channel} of conv2")).to_be_visible()
    page.wait_for_url(f"**channel={channel.split()[1]}*")
    images = page.locator(".st-key-tops-What-excites-it-conv2-0 .gallery button")
    expect(images).to_have_count(9)
    assert len({images.nth(n).get_attribute("data-number") for n in range(9)}) == 9
    number = images.nth(3).get_attribute("data-number")
    images.nth(3).click()
    expect(page.get_by_role("heading", name="Predict", level=1)).to_be_visible()
    expect(page.get_by_text(f"Test image {number}:").first).to_be_visible()


def saved(page: Page, button: Locator) -> bytes:
    with page.expect_download() as download:
        button.click()
    return download.value.path().read_bytes()


def test_saved_figures_are_self_contained(page: Page, app_url: str):
    page.emulate_media(color_scheme="dark")
    page.goto(f"{app_url}/Architecture")
    page.locator(".block").first.wait_for()
    settle(page)
    diagram = page.locator(".st-key-arch_diagram")
    root = ET.fromstring(saved(page, diagram.get_by_role("button", name="Save as SVG")))
    names = [part.attrib["data-layer"] for part in root.iter() if "data-layer" in part.attrib]
    assert names[:2] == ["input", "conv1"]
    assert names[-1] == "fc8"
    png = saved(page, diagram.get_by_role("button", name="Save as PNG"))
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
        assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
        assert np.asarray(image.convert("L"))[-92:].min() < 60  # the names are dark on it

    plot = page.locator(".live-plot").first
    plot.scroll_into_view_if_needed()
    plot.locator(".main-svg").first.wait_for()
    plot.hover()
    drawn = ET.fromstring(saved(page, plot.get_by_role("button", name="Save as SVG")))
    text = ET.tostring(drawn, encoding="unicode")
    assert "conv1" in text
    assert "rgb(34, 39, 46)" in text  # dark ink on white, though the page is dark
    assert "rgb(255, 255, 255)" in text


def test_the_model_is_downloaded_as_an_onnx_file(page: Page, app_url: str, tmp_path: Path):
    for name in onnx.PACKAGES:
        pytest.importorskip(name)
    page.goto(f"{app_url}/Architecture")
    page.get_by_role("button", name="Model as ONNX").click()
    save = page.get_by_role("button", name=re.compile(r"^Save [\d.]+ [kM]B"))
    save.wait_for()
    with page.expect_download() as download:
        save.click()
    assert download.value.suggested_filename == "alexnet-fashion-mnist.onnx"
    download.value.save_as(tmp_path / "net.onnx")
    session = onnx.open_session(tmp_path / "net.onnx")
    assert session.get_modelmeta().custom_metadata_map["epoch"] == "1"
