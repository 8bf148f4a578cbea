"""The Predict page in real Chromium: drawing by mouse and finger, uploads, page switches."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from alexnet_demo.settings import paths
from tests.support.server import Server, settle

pytestmark = pytest.mark.browser
STROKES = Path(__file__).with_name("quickdraw_strokes.json")
SHIRT = [(70, 60), (128, 70), (186, 60), (230, 110), (180, 105), (180, 215), (76, 215), (70, 60)]


def open_page(page: Page, url: str) -> Any:
    page.goto(f"{url}/Predict")
    canvas = page.locator("canvas[tabindex]")
    canvas.wait_for()
    settle(page)
    return canvas


def draw(page: Page, points: list[tuple[int, int]], steps: int = 3) -> None:
    """Draw a stroke with the mouse, in units of the canvas (256 wide)."""
    canvas = page.locator("canvas[tabindex]")
    box = canvas.bounding_box()
    assert box
    unit = box["width"] / 256
    canvas.hover(position={"x": points[0][0] * unit, "y": points[0][1] * unit})
    page.mouse.down()
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x * unit, box["y"] + y * unit, steps=steps)
    page.mouse.up()


def ink(page: Page) -> int:
    """Number of canvas pixels that have ink on them."""
    return page.locator("canvas[tabindex]").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".filter((v, i) => i % 4 === 3 && v > 127).length"
    )


def prediction(page: Page) -> Any:
    return page.locator(".answer .label")


def source(page: Page, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("radio", name=name).click()
    settle(page)


def test_strokes_update_the_bars_and_can_be_undone(page: Page, app_url: str) -> None:
    open_page(page, app_url)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    draw(page, SHIRT)
    expect(prediction(page)).to_be_visible()
    expect(page.locator(".bars .bar")).to_have_count(5)
    one = ink(page)
    draw(page, [(20, 20), (240, 20)])
    two = ink(page)
    assert two > one > 0
    page.keyboard.press("Control+z")
    assert ink(page) == one
    page.keyboard.press("Control+Shift+z")
    assert ink(page) == two
    page.get_by_role("button", name="Eraser").click()
    draw(page, [(20, 20), (240, 20)])
    assert one <= ink(page) < two
    page.get_by_role("button", name="Clear").click()
    assert ink(page) == 0
    expect(page.get_by_text("after your first stroke")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(prediction(page)).to_be_visible()


def test_one_message_to_the_server_brings_the_prediction(page: Page, app_url: str) -> None:
    sent: list[Any] = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda data: sent.append(data)))
    open_page(page, app_url)
    draw(page, SHIRT)
    expect(prediction(page)).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(prediction(page)).to_be_hidden()
    settle(page)
    before = len(sent)
    draw(page, SHIRT)
    expect(prediction(page)).to_be_visible()
    assert len(sent) == before + 1


def test_the_drawing_survives_other_sources_and_pages(page: Page, app_url: str) -> None:
    open_page(page, app_url)
    draw(page, SHIRT)
    expect(prediction(page)).to_be_visible()
    drawn = ink(page)
    source(page, "Upload")
    expect(page.locator("canvas[tabindex]")).to_be_hidden()
    source(page, "Draw")
    expect(prediction(page)).to_be_visible()
    assert ink(page) == drawn
    page.get_by_role("link", name="Home").click()
    expect(page.locator("canvas[tabindex]")).to_be_hidden()
    settle(page)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Predict").click()
    expect(prediction(page)).to_be_visible()
    assert ink(page) == drawn


def test_a_finger_draws_and_does_not_scroll(new_context: Any, app_url: str) -> None:
    page = new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    canvas = open_page(page, app_url)
    box = canvas.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    touch = page.context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": box["x"] + x, "y": box["y"] + y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    send("touchStart", (60, 60))
    for step in range(1, 9):
        send("touchMove", (60 + 20 * step, 60 + 20 * step))
    send("touchEnd")
    expect(prediction(page)).to_be_visible()
    assert ink(page) > 500
    after = canvas.bounding_box()
    assert after and after["y"] == box["y"], "the page stayed where it was"
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, "nothing sticks out sideways"


def test_a_test_image_is_covered_with_the_pen(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/Predict?source=Samples&probe=Cover")
    canvas, undo = page.locator("canvas[tabindex]"), page.get_by_role("button", name="Undo")
    canvas.wait_for()
    settle(page)
    expect(canvas).to_have_css("background-image", re.compile("data:image/png"))
    expect(page.get_by_text("Without covering:")).to_be_visible()
    draw(page, [(60, 128), (200, 128)])
    expect(undo).to_be_enabled()
    settle(page)
    covered = ink(page)
    page.get_by_role("link", name="Home").click()
    expect(canvas).to_be_hidden()
    settle(page)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Predict").click()
    expect(page.get_by_text("Without covering:")).to_be_visible()
    assert ink(page) == covered > 0
    draw(page, [(60, 60), (200, 60)])
    expect(undo).to_be_enabled()
    page.get_by_role("button", name="Another").click()
    expect(undo).to_be_disabled()  # another image, and nothing of it is covered
    assert ink(page) == 0


def png(name: str, color: str) -> FilePayload:
    image = Image.new("RGB", (80, 80), "white")
    image.paste(color, (15, 25, 65, 60))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()}


def test_good_and_broken_files(page: Page, app_url: str) -> None:
    open_page(page, app_url)
    source(page, "Upload")
    field = page.get_by_test_id("stMain").locator("input[type=file]").first
    field.set_input_files([png("bag.png", "navy")])
    expect(prediction(page)).to_be_visible()
    expect(page.get_by_alt_text("28 × 28: ", exact=False)).to_be_visible()
    broken = png("broken.png", "red")
    broken["buffer"] = broken["buffer"][:90]
    field.set_input_files([png("red.png", "red"), broken])
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("broken.png: ")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download predictions").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith("file,label,sure,clothing,T-shirt/top,Trouser")
    assert [line.split(",")[0] for line in lines[1:]] == ["bag.png", "red.png"]


# ------------------------------------------------------------------ drawings of real people


@pytest.fixture
def shipped_url(tmp_path: Path) -> Iterator[str]:
    """Address of an app that runs the included model."""
    shipped = paths.WEIGHTS_DIR / paths.SHIPPED_WEIGHTS
    if not shipped.is_file():
        pytest.skip(f"there is no included model: {shipped}")
    served = Server(tmp_path)
    (served.weights / paths.SHIPPED_WEIGHTS).symlink_to(shipped)
    try:
        served.start()
        yield served.url
    finally:
        served.kill()


def test_drawings_of_real_people_are_classified(page: Page, shipped_url: str) -> None:
    """Strokes of Quick, Draw!, drawn by mouse; most are classified correctly."""
    open_page(page, shipped_url)
    results = []
    for drawing in json.loads(STROKES.read_text(encoding="utf-8"))["drawings"]:
        for stroke in drawing["strokes"]:
            draw(page, stroke, steps=1)
        results.append(([drawing["label"], *drawing["alternates"]], settled_label(page)))
        page.get_by_role("button", name="Clear").click()
        expect(prediction(page)).to_be_hidden()
    assert len(results) == 12
    right = [got in fair for fair, got in results]
    assert sum(right) >= 9, results


def settled_label(page: Page) -> str:
    """The most likely class, once the prediction for the last stroke has arrived."""
    top = page.locator(".bars .name").first
    top.wait_for()
    before, now = None, page.locator(".bars").inner_text()
    while now != before:
        page.wait_for_timeout(500)
        settle(page)
        before, now = now, page.locator(".bars").inner_text()
    return top.inner_text()
