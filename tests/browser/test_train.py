"""The Train page in Chromium, with a real trainer and real data."""

from __future__ import annotations

import time

import psutil
import pytest
from playwright.sync_api import Page, expect

from alexnet_demo.common.files import read_json
from alexnet_demo.runs.run import Run
from tests.support.server import Server, settle
from tests.support.waiting import wait_for

pytestmark = pytest.mark.browser
# A narrow network on few images; long enough to pause, stop, and watch it.
SETTINGS = {
    "Epochs": "60",
    "Width": "0.0625",
    "Training images": "320",
    "Batch size": "16",
    "Validation images": "32",
    "Test images": "32",
}


def runs_of(server: Server) -> list[Run]:
    return [Run(config.parent) for config in sorted(server.runs.glob("*/config.json"))]


def open_train(page: Page, server: Server, query: str = "") -> None:
    page.goto(f"{server.url}/Train{query}")
    settle(page)


def fill(page: Page, label: str, value: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")
    settle(page)


def badge(page: Page, word: str):
    return page.get_by_test_id("stMain").get_by_text(word, exact=True).first


def start(page: Page, server: Server) -> Run:
    known = {run.id for run in runs_of(server)}
    open_train(page, server)
    folded = page.get_by_text("New run", exact=True)  # below a run of an earlier test
    if folded.is_visible():
        folded.click()
    page.get_by_text("Settings and details").click()
    for label, value in SETTINGS.items():
        fill(page, label, value)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    (run,) = [run for run in runs_of(server) if run.id not in known]
    return run


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_a_new_user_sees_start_without_scrolling(page: Page, server: Server, size: tuple[int, int]):
    """Before and after the estimate is there; the first test, so that there is no run yet."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    open_train(page, server)
    button = page.get_by_role("button", name="Start training")
    for text in (button, page.get_by_text("in total")):
        expect(text).to_be_visible()
        box = button.bounding_box()
        assert box and box["y"] + box["height"] < size[1]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_start_pause_resume_and_stop(page: Page, server: Server):
    run = start(page, server)
    expect(badge(page, "Running")).to_be_visible()
    # Real points on the plot, and more of them over time.
    points = (
        "() => document.querySelector('.live-plot')?.data?.find(t => t.name === 'train, per epoch')"
        "?.x?.length ?? 0"
    )
    wait_for(lambda: page.evaluate(points) >= 2, "no curve")
    before = page.evaluate(points)
    wait_for(lambda: page.evaluate(points) > before, "the curve does not grow")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert run.state == "paused"
    done = len(run.history.epochs)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(badge(page, "Running")).to_be_visible()
    wait_for(lambda: len(run.history.epochs) > done, "training did not resume")
    page.get_by_role("button", name="Stop").click()
    expect(badge(page, "Stopped")).to_be_visible()
    assert run.state == "stopped"


def test_zoom_survives_new_data(page: Page, server: Server):
    run = start(page, server)
    expect(badge(page, "Running")).to_be_visible()
    plot = page.locator(".live-plot").first
    wait_for(lambda: len(run.history.epochs) > 1, "no epochs")
    plot.scroll_into_view_if_needed()
    box = plot.locator(".nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 120, steps=5)
    page.mouse.up()
    bounds = "() => document.querySelector('.live-plot')._fullLayout.xaxis.range.map(String)"
    count = "() => document.querySelector('.live-plot').data[0].x.length"
    zoomed, points = page.evaluate(bounds), page.evaluate(count)
    assert float(zoomed[0]) > 0
    wait_for(lambda: page.evaluate(count) > points, "no new data")
    assert page.evaluate(bounds) == zoomed
    page.get_by_role("button", name="Stop").click()
    expect(badge(page, "Stopped")).to_be_visible()


def test_replay_and_predict_follow_the_active_run(page: Page, server: Server):
    run = start(page, server)
    expect(badge(page, "Running")).to_be_visible()
    when = page.locator(".replay .when")
    expect(when).to_contain_text("Epoch")
    before = when.text_content()
    wait_for(lambda: when.text_content() != before, "the newest snapshot is not shown")
    expect(page.locator(".replay .row .share").first).to_be_visible()

    page.goto(f"{server.url}/Predict?model={run.id}/now&source=Samples")
    settle(page)
    expect(page.locator(".bars .percent").first).to_be_visible()
    wait_for(run.now.exists, "no weights were written")
    written = run.now.stat().st_mtime_ns
    wait_for(lambda: run.now.stat().st_mtime_ns > written, "the weights are not updated")

    open_train(page, server)
    page.get_by_role("button", name="Stop").click()
    expect(badge(page, "Stopped")).to_be_visible()


def test_reload_second_tab_and_server_restart_show_the_same_run(page: Page, server: Server):
    run = start(page, server)
    expect(badge(page, "Running")).to_be_visible()
    page.reload()
    settle(page)
    expect(page.get_by_role("heading", name=run.name)).to_be_visible()

    second = page.context.new_page()
    open_train(second, server)  # without a link, the active run is shown
    expect(second.get_by_role("heading", name=run.name)).to_be_visible()
    second.close()

    page.goto("about:blank")
    server.kill()
    step = run.history.batches[-1]["step"]
    wait_for(lambda: run.history.batches[-1]["step"] > step, "training died with the server")
    server.start()
    open_train(page, server)
    expect(page.get_by_role("heading", name=run.name)).to_be_visible()
    expect(badge(page, "Running")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(badge(page, "Stopped")).to_be_visible()


def test_a_click_on_pause_shows_before_the_trainer_knows_of_it(page: Page, server: Server):
    run = start(page, server)
    expect(badge(page, "Running")).to_be_visible()
    trainer = psutil.Process(read_json(run.job_path)["pid"])
    trainer.suspend()
    try:
        page.get_by_role("button", name="Pause").click()
        expect(badge(page, "Pausing")).to_be_visible()
        assert run.active
    finally:
        trainer.resume()
    expect(badge(page, "Paused")).to_be_visible()


def test_name_note_compare_and_delete(page: Page, server: Server):
    runs = runs_of(server)
    assert len(runs) >= 2
    open_train(page, server)
    page.get_by_test_id("stDataFrame").locator(".dvn-scroller").click(position={"x": 20, "y": 52})
    settle(page)
    page.get_by_label("Name", exact=True).fill("My best run")
    page.get_by_role("button", name="Save name and note").click()
    expect(page.get_by_role("heading", name="My best run")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete run").click()
    wait_for(lambda: len(runs_of(server)) == len(runs) - 1, "not deleted")


def test_a_hidden_tab_asks_rarely_and_a_shown_one_at_once(page: Page, server: Server):
    sent: list[float] = []
    page.on("websocket", lambda ws: ws.on("framesent", lambda _: sent.append(time.monotonic())))

    def requests() -> int:
        page.wait_for_timeout(100)  # events of the browser arrive meanwhile
        return len(sent)

    def hide(hidden: bool) -> None:
        value = str(hidden).lower()
        page.evaluate(
            f"Object.defineProperty(document, 'hidden', {{value: {value}, configurable: true}});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )

    start(page, server)
    expect(badge(page, "Running")).to_be_visible()
    settle(page)
    before = len(sent)
    wait_for(lambda: requests() > before + 1, "no requests")
    hide(True)
    page.wait_for_timeout(2_000)  # what was on its way
    before = len(sent)
    page.wait_for_timeout(5_000)
    assert len(sent) == before
    hide(False)
    wait_for(lambda: requests() > before, "not refreshed")
    page.get_by_role("button", name="Stop").click()
    expect(badge(page, "Stopped")).to_be_visible()
