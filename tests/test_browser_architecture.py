"""Inside a trained network, in real Chromium: by click from a block to a channel."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import settle
from playwright.sync_api import Page, expect

from alexnet_demo import onnx_file

pytestmark = pytest.mark.browser


def test_from_a_block_to_one_of_its_channels(page: Page, app_url: str):
    page.goto(f"{app_url}/Architecture")
    block = page.locator(".block[data-layer=conv2]")
    block.wait_for(timeout=60_000)
    settle(page)
    block.click()
    expect(page.get_by_text("filters of 5×5, moved by 1")).to_be_visible()
    page.get_by_test_id("stButtonGroup").get_by_text("Output", exact=True).click()
    tiles = page.locator(".gallery button")
    expect(tiles.first).to_be_visible(timeout=30_000)
    expect(page.locator('.gallery button[aria-pressed="true"]')).to_have_count(1)
    name = tiles.nth(2).inner_text()
    tiles.nth(2).click()
    expect(tiles.nth(2)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text(f"{name}, 26×26")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".block[data-layer=fc8]").click()
    expect(page.get_by_test_id("stButtonGroup").get_by_text("Decision")).to_be_visible()


def test_the_network_is_downloaded_as_an_onnx_file(page: Page, app_url: str, tmp_path: Path):
    for name in onnx_file.PACKAGES:
        pytest.importorskip(name)
    page.goto(f"{app_url}/Architecture")
    page.get_by_role("button", name="Network as ONNX").click(timeout=60_000)
    save = page.get_by_role("button", name="Save 1 MB")
    save.wait_for(timeout=60_000)
    with page.expect_download() as download:
        save.click()
    assert download.value.suggested_filename == "alexnet-fashion-mnist.onnx"
    download.value.save_as(tmp_path / "net.onnx")
    session = onnx_file.open_session(tmp_path / "net.onnx")
    assert session.get_modelmeta().custom_metadata_map["epoch"] == "1"
