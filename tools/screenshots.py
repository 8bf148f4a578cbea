"""Take the README's pictures from the running app: ``python tools/screenshots.py [URL]``.

Needs a running ``streamlit run app.py`` with at least one finished run, its Results page opened
once before, and an installed Chromium.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent / "images"
SHOTS = (
    ("home-light", "", "light", 1280, 820),
    ("train-light", "", "light", 1280, 1240),
    ("train-dark", "Train", "dark", 1280, 1100),
    ("watch-light", "Train?watch=best-watched&moment=312", "light", 1280, 1700),
    ("architecture-light", "Architecture", "light", 1280, 1480),
    ("predict-light", "Predict", "light", 1280, 1360),
    ("results-light", "Results", "light", 1280, 1300),
    ("results-map-dark", "Results?show=Map", "dark", 1280, 1240),
    ("inside-light", "Architecture", "light", 1280, 1700),
    ("predict-phone-dark", "Predict", "dark", 390, 1020),
)
# A trouser in one line, in shares of the canvas's side.
TROUSER = (
    *((0.34, 0.12), (0.66, 0.12), (0.72, 0.9), (0.56, 0.9), (0.5, 0.34)),
    *((0.44, 0.9), (0.28, 0.9), (0.34, 0.12)),
)


def draw(page: Page) -> None:
    """Move the mouse along the outline."""
    canvas = page.locator("canvas").first
    canvas.wait_for()
    side = (canvas.bounding_box() or {"width": 0})["width"]
    canvas.hover(position={"x": TROUSER[0][0] * side, "y": TROUSER[0][1] * side})
    box = canvas.bounding_box()
    assert box
    page.mouse.down()
    for x, y in TROUSER[1:]:
        page.mouse.move(box["x"] + x * side, box["y"] + y * side, steps=5)
    page.mouse.up()


def look_inside(page: Page) -> None:
    """Show what conv2 makes of a picture."""
    page.locator(".block[data-layer=conv2]").click()
    page.wait_for_timeout(1_500)
    page.get_by_test_id("stButtonGroup").get_by_text("Output", exact=True).click()


def main(url: str = "http://localhost:8501") -> None:
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, path, scheme, width, height in SHOTS:
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            page.goto(f"{url}/{path}")
            page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
            page.wait_for_timeout(6_000)
            if path == "Predict":
                draw(page)
                page.wait_for_timeout(4_000)
            if name == "train-light":
                page.get_by_role("link", name="Its curves").click()
                page.wait_for_timeout(6_000)
            if name == "train-dark":  # also what it will cost is there by then
                page.wait_for_timeout(20_000)
            if name.startswith("inside"):
                look_inside(page)
                page.wait_for_timeout(4_000)
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
