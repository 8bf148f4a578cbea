"""Visitors without browsers: a real server, real sessions, every prediction checked."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from alexnet_demo.benchmarks.visitors import expected, load_test
from alexnet_demo.benchmarks.visitors.client import LostError, Session
from alexnet_demo.benchmarks.visitors.expected import Sample, read_prediction
from alexnet_demo.benchmarks.visitors.load_test import LoadStats, listener, percentile
from alexnet_demo.cli.main import main
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from tests.support.server import Server
from tests.support.waiting import run_async


@pytest.fixture(autouse=True)
def _no_loop_of_others() -> Iterator[None]:
    """Playwright's event loop keeps running in this thread after a test with a browser."""
    loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(loop)


@pytest.fixture(scope="module")
def url(server: Server, trained_run: Run) -> str:
    """A server whose shipped network has learned something, so that answers differ."""
    (server.weights / paths.SHIPPED_WEIGHTS).write_bytes(trained_run.best.read_bytes())
    return server.url


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "DRAWINGS", 6)
    monkeypatch.setattr(expected, "UPLOADS", 6)


def test_five_visitors_get_the_expected_predictions(
    url: str,
    server: Server,
    trained_run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(load_test, "PAUSE", 2.0)
    arguments = ["load", "--url", url, "--users", "5", "--seconds", "10", "--json"]
    assert main([*arguments, "--weights", str(trained_run.best)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["users"] == 5 and report["answers"] >= 10
    assert report["wrong"] == report["lost"] == 0 and not report["problems"]
    assert 0 < report["p50_ms"] <= report["p95_ms"]
    assert report["memory"] > 50_000_000
    assert server.process and (process := listener(url))
    assert process.pid == server.process.pid


def test_wrong_predictions_are_counted(url: str, tiny_weights: Path) -> None:
    """The predictions of another network are wrong for this one."""
    report = load_test.run_load_test(url, 2, 4, tiny_weights)
    assert report["answers"] > 0 and report["wrong"] == report["answers"]
    assert "instead of" in report["problems"][0] and "wrong" in load_test.format_report(report)


def test_without_a_server_the_command_fails(
    tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ["--url", "http://127.0.0.1:9", "--weights", str(tiny_weights)]
    assert main(["load", "--users", "1", "--seconds", "1", *nowhere]) == 1
    assert "http://127.0.0.1:9" in capsys.readouterr().err
    assert main(["load", "--users", "0", *nowhere]) == 2


def test_a_missing_widget_is_an_error(url: str) -> None:
    async def press() -> None:
        session = Session(url)
        await session.open("Predict")
        try:
            await session.choose("no such widget", "x")
        finally:
            await session.close()

    with pytest.raises(LostError, match="no such widget"):
        run_async(press())


def test_a_file_of_another_session_is_not_shown(url: str) -> None:
    """Not even to somebody who knows its id, as if both were the same visitor."""
    file = io.BytesIO()
    Image.new("L", (28, 28), 90).save(file, "PNG")

    async def borrow() -> list[bool]:
        owner, thief = Session(url), Session(url)
        for session in (owner, thief):
            await session.open("Predict")
            await session.choose("source", "Upload")
        await owner.upload("pictures", "mine.png", file.getvalue())
        upload = owner._states[owner.widgets["pictures"][0]].file_uploader_state_value
        await thief._change("pictures", file_uploader_state_value=upload)
        shown = [bool(read_prediction(session.html())) for session in (owner, thief)]
        await owner.close()
        await thief.close()
        return shown

    assert run_async(borrow()) == [True, False]


# ------------------------------------------------------------------ checks

TRUE = {"Coat": 0.60, "Shirt": 0.30, "Bag": 0.10}
PAGE = (
    '<div class="answer" role="status"></div><div class="bars">'
    '<span class="name">T-shirt/top</span><div></div><span class="percent">85.1%</span>'
    '<span class="name">Bag</span><div></div><span class="percent">4.9%</span></div>'
)


def test_a_prediction_is_read_from_the_page() -> None:
    assert read_prediction(["<p>other</p>", PAGE]) == {"T-shirt/top": 0.851, "Bag": 0.049}
    assert read_prediction(["<p>other</p>"]) == {}


@pytest.mark.parametrize(
    ("prediction", "expected"),
    [
        ({"Coat": 0.60, "Shirt": 0.30}, True),
        ({"Coat": 0.61, "Shirt": 0.29}, True),
        ({"Coat": 0.65, "Shirt": 0.30}, False),
        ({"Shirt": 0.60, "Coat": 0.30}, False),
        ({"Shirt": 0.30, "Coat": 0.60}, False),
        ({}, False),
    ],
)
def test_a_prediction_agrees_within_the_tolerance(
    prediction: dict[str, float], expected: bool
) -> None:
    assert Sample("draw", [], (TRUE,)).agrees(prediction) is expected


def test_percentiles_are_milliseconds() -> None:
    assert percentile([], 50) is None and percentile([0.25], 95) == 250.0
    assert percentile([n / 1000 for n in range(101)], 95) == 95.0


def test_memory_growth_excludes_the_warm_up() -> None:
    stats = LoadStats(memory=[(t, 100 if t < 20 else 1_000 + t) for t in range(101)])
    assert stats.growth() == pytest.approx(1_095 / 1_025 - 1, abs=1e-3)
    assert LoadStats(memory=[(0, 1)]).growth() is None


def test_a_listener_is_found_on_this_machine_only() -> None:
    assert listener("http://example.org:80") is None
    assert listener("http://localhost:9") is None
