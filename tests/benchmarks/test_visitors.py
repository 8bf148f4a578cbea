"""Visitors without browsers: a real server, real sessions, every answer checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet_demo.benchmarks.visitors import expected, load_test
from alexnet_demo.benchmarks.visitors.client import LostError, Session
from alexnet_demo.benchmarks.visitors.expected import Sample, read_prediction
from alexnet_demo.benchmarks.visitors.load_test import LoadStats, listener, percentile
from alexnet_demo.cli.main import main
from alexnet_demo.runs.run import Run
from alexnet_demo.settings import paths
from tests.support.server import Server


@pytest.fixture(autouse=True)
def _no_loop_of_others() -> Iterator[None]:
    """In this thread Playwright's own loop runs on, once a test before has used a browser."""
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


def test_five_visitors_get_right_answers(
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
    assert server.process and (found := listener(url)) and found.pid == server.process.pid


def test_wrong_answers_are_told(url: str, tiny_weights: Path) -> None:
    """The truth of another network stands for wrong answers of this one."""
    report = load_test.run_load_test(url, 2, 4, tiny_weights)
    assert report["answers"] > 0 and report["wrong"] == report["answers"]
    assert "instead of" in report["problems"][0] and "wrong" in load_test.format_report(report)


def test_no_server_is_said_in_a_sentence(
    tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = ["--url", "http://127.0.0.1:9", "--weights", str(tiny_weights)]
    assert main(["load", "--users", "1", "--seconds", "1", *nowhere]) == 1
    assert "No server answers at http://127.0.0.1:9" in capsys.readouterr().err
    assert main(["load", "--users", "0", *nowhere]) == 2


def test_what_is_not_there_is_lost(url: str) -> None:
    async def press() -> None:
        session = Session(url)
        await session.open("Predict")
        try:
            await session.choose("no such widget", "x")
        finally:
            await session.close()

    with pytest.raises(LostError, match="shows no “no such widget”"):
        asyncio.run(press())


# ------------------------------------------------------------------ judging

TRUE = {"Coat": 0.60, "Shirt": 0.30, "Bag": 0.10}
PAGE = (
    '<div class="answer" role="status"></div><div class="bars">'
    '<span class="name">T-shirt/top</span><div></div><span class="percent">85.1%</span>'
    '<span class="name">Bag</span><div></div><span class="percent">4.9%</span></div>'
)


def test_an_answer_is_read_from_the_page() -> None:
    assert read_prediction(["<p>other</p>", PAGE]) == {"T-shirt/top": 0.851, "Bag": 0.049}
    assert read_prediction(["<p>other</p>"]) == {}


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ({"Coat": 0.60, "Shirt": 0.30}, True),
        ({"Coat": 0.61, "Shirt": 0.29}, True),
        ({"Coat": 0.65, "Shirt": 0.30}, False),
        ({"Shirt": 0.60, "Coat": 0.30}, False),
        ({"Shirt": 0.30, "Coat": 0.60}, False),
        ({}, False),
    ],
)
def test_only_the_true_answer_counts(answer: dict[str, float], right: bool) -> None:
    assert Sample("draw", [], TRUE).agrees(answer) is right


def test_percentiles_are_milliseconds() -> None:
    assert percentile([], 50) is None and percentile([0.25], 95) == 250.0
    assert percentile([n / 1000 for n in range(101)], 95) == 95.0


def test_growth_leaves_the_beginning_out() -> None:
    stats = LoadStats(memory=[(t, 100 if t < 20 else 1_000 + t) for t in range(101)])
    assert stats.growth() == pytest.approx(1_095 / 1_025 - 1, abs=1e-3)
    assert LoadStats(memory=[(0, 1)]).growth() is None


def test_a_server_elsewhere_is_not_looked_for() -> None:
    assert listener("http://example.org:80") is None
    assert listener("http://localhost:9") is None
