"""Take the README's screenshot from the running app: ``python tools/screenshot.py [URL]``.

Needs a running ``streamlit run app.py`` and an installed Chromium. Writes docs/images/replay.png.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGE = Path(__file__).resolve().parents[1] / "docs" / "images" / "replay.png"
ADDRESS = "Train?watch=best-watched&moment=312"


def main(url: str = "http://localhost:8501") -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1500}, color_scheme="light")
        page.goto(f"{url}/{ADDRESS}")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.wait_for_timeout(6_000)  # component scripts load after the page's
        page.screenshot(path=IMAGE)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
