"""An experiment in Chromium, from click to verdict, with real trainers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from tests.support.experiments import TINY_EXPERIMENT
from tests.support.server import Server, settle

pytestmark = pytest.mark.browser
# Python runs this before the server's own script.
INSTALL = """
from alexnet_demo.settings.experiments import EXPERIMENTS
from tests.support.experiments import TINY_EXPERIMENT
EXPERIMENTS["tiny"] = TINY_EXPERIMENT
"""


@pytest.fixture
def tiny_server(tmp_path: Path) -> Iterator[Server]:
    """A server that knows an experiment whose runs take a second."""
    (tmp_path / "sitecustomize.py").write_text(INSTALL)
    server = Server(tmp_path, environment={"PYTHONPATH": f"{tmp_path}:{paths.ROOT}"})
    server.start()
    yield server
    server.kill()


def test_from_a_prediction_to_the_verdict_which_survives_a_reload(
    page: Page, tiny_server: Server
) -> None:
    page.goto(f"{tiny_server.url}/Experiments?experiment=tiny")
    verdict = page.locator(".st-key-verdict")
    run = page.get_by_role("button", name="Run it here")
    expect(page.get_by_text(TINY_EXPERIMENT.question)).to_be_visible()
    settle(page)
    expect(run).to_be_hidden()  # predict first
    page.get_by_role("radiogroup").get_by_text("The slow one", exact=True).click()
    run.click()
    expect(verdict).to_be_visible()
    expect(page.locator(".st-key-verdict li")).to_have_count(len(TINY_EXPERIMENT.variants))
    runs = [Run(path.parent) for path in tiny_server.runs.glob("*/config.json")]
    assert sorted(run.state for run in runs) == ["finished"] * len(TINY_EXPERIMENT.variants)
    assert "result=0" in page.url and "experiment=tiny" in page.url
    page.reload()
    expect(verdict).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
