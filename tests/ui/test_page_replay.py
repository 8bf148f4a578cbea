"""The time slider and the pins on Train, without a browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import article, paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.train import replay
from tests.runs.test_snapshots import snapshot, write
from tests.support.pages import open_page, page_text


def finished(directory: Path, *steps: int) -> Run:
    """A run of one epoch with moments at these steps."""
    run = Run(directory)
    prepare(directory, TrainConfig(epochs=1))
    events = EventWriter(run.events)
    events.write("start", step=0, config=run.config.to_json(), device_name="a CPU", device="cpu")
    events.write(
        "epoch",
        step=469,
        epoch=1,
        train_loss=1.0,
        train_accuracy=0.5,
        test_loss=0.9,
        test_accuracy=0.6,
        seconds=9.0,
        test_seconds=1.0,
        images_per_s=99.0,
        peak_memory=1,
    )
    events.write("end", reason="finished", step=469)
    events.close()
    write(run.snapshots, *(snapshot(step) for step in steps))
    return run


@pytest.fixture
def recorded_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "RECORDED_DIR", tmp_path / "recorded")
    return tmp_path / "recorded"


def page(**query: str) -> AppTest:
    return open_page("pages/1_Train.py", **query)


def shown(at: AppTest) -> dict[str, Any]:
    """What the page gave the component."""
    from json import loads

    (found,) = [c.proto for c in at.get("bidi_component") if "replay" in c.proto.component_name]
    return loads(found.json)


def test_a_finished_run_can_be_gone_through(runs_dir: Path):
    run = finished(runs_dir / "20260101-000000-article-aa", 0, 100, 469)
    at = page(run=run.id)
    assert not at.exception
    data = shown(at)
    assert [each["step"] for each in data["snapshots"]] == [0, 100, 469]
    assert [pin["label"] for pin in data["pins"]] == list(article.CLASSES)
    assert data["curves"] == {"train": [[1, 0.5]], "test": [[1, 0.6]]}
    assert data["step"] is None


@pytest.mark.parametrize(
    ("link", "step"), [("100", 100), ("x", None), ("-3", None), ("9" * 30, None)]
)
def test_the_address_names_the_moment(runs_dir: Path, link: str, step: int | None):
    run = finished(runs_dir / "20260101-000000-article-aa", 0, 100)
    assert shown(page(run=run.id, moment=link))["step"] == step


def test_a_run_of_old_says_that_it_has_no_moments(runs_dir: Path):
    run = finished(runs_dir / "20260101-000000-article-aa")
    run.snapshots.unlink()
    at = page(run=run.id)
    assert "No snapshots were recorded" in page_text(at)


def test_a_visitor_can_watch_what_was_recorded(runs_dir: Path, recorded_dir: Path):
    finished(recorded_dir / "best", 0, 469)
    at = page()
    (button,) = [b for b in at.button if b.key == "watch best"]
    button.click().run()
    assert not at.exception
    assert [each["step"] for each in shown(at)["snapshots"]] == [0, 469]
    assert "60.0%" in page_text(at)
    next(b for b in at.button if b.key == "leave watch").click().run()
    assert "watch" not in at.query_params
    assert [b for b in at.button if b.key == "start"]


def test_an_unknown_recording_shows_the_form(runs_dir: Path, recorded_dir: Path):
    assert [b for b in page(watch="../../x").button if b.key == "start"]


def test_pins_are_put_up_and_taken_off(runs_dir: Path):
    at = page()
    at.number_input(key="pin number").set_value(17)
    at.button(key="pin test picture").click().run()
    assert not at.exception
    assert [pin.name for pin in pins.for_next_run()][-1] == "Test image 17"
    board = at.multiselect(key="pins chosen")
    board.set_value(board.value[:-2]).run()
    assert len(pins.for_next_run()) == 9


def test_moments_are_made_ready_once(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    run = finished(runs_dir / "20260101-000000-article-aa", 0, 100)
    found = snapshots.follow(run.snapshots)
    first = replay._snapshot_data(str(run.directory), (2, 100, 1), run, found)
    assert replay._snapshot_data(str(run.directory), (2, 100, 1), run, found) is first
    shutil.rmtree(run.directory)
