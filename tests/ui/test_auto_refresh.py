"""What a tab that watches a run in training is sent: only what has changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet_demo.benchmarks.visitors.client import Session
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.process_info import register
from tests.support.runs import canned_run
from tests.support.server import Server
from tests.support.waiting import PATIENCE, run_async

REQUESTS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()


def test_a_request_brings_only_what_has_changed(server: Server):
    run = canned_run(server.runs, "20260101-000000-quick-aa", [0.5], None)
    register(run.directory, os.getpid())  # it appears to be in training
    write_json(run.directory / "job.json", {**read_json(run.directory / "job.json"), "marks": 0})

    async def watch() -> None:
        session = Session(server.url, timeout=PATIENCE)
        await session.open("Train")
        assert drawn(session) >= {"dataframe", "plot", "metric", "code"}
        await session.watch(1.5)  # the page's own first requests
        for _ in range(REQUESTS):
            assert await session.watch(1.1) == 1
            assert drawn(session) <= {"auto_refresh", "metric", "progress", "markdown"}
        step = run.history.step + 1
        numbers = dict.fromkeys(("loss", "accuracy", "images_per_s", "peak_memory"), 1.0)
        EventWriter(run.events).write("batch", step=step, epoch=1.1, **numbers)
        seen: set[str] = set()
        for _ in range(REQUESTS):
            await session.watch(1.1)
            seen |= drawn(session)
        assert "plot" in seen and "dataframe" not in seen
        EventWriter(run.events).write("end", reason="stopped", step=step)
        for _ in range(REQUESTS):
            await session.watch(1.1)
        assert "refresh figures" not in session.tickers  # the page was rerun and polls no more
        await session.close()

    run_async(watch())


def drawn(session: Session) -> set[str]:
    """Kinds of the elements that the last request brought, components by name."""
    kinds = {str(element.WhichOneof("type")) for element in session.elements}
    components = {e.bidi_component.component_name.rpartition(".")[2] for e in session.elements}
    names = kinds - {"bidi_component"} | components - {""}
    return {"dataframe" if name == "arrow_data_frame" else name for name in names}
