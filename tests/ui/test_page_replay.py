"""Training replay and pinned images on Train, without a browser."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.history import NUMBERS
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import article
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.ui.train import replay
from tests.runs.test_snapshots import snapshot, write
from tests.support.pages import open_page, page_text

page = partial(open_page, "pages/1_Train.py")


def finished(directory: Path, *steps: int) -> Run:
    """A run of one epoch with snapshots at these steps."""
    run = Run(directory)
    prepare(directory, TrainConfig(epochs=1))
    events = EventWriter(run.events)
    events.write("start", step=0, config=run.config.to_json(), device_name="a CPU", device="cpu")
    numbers = dict.fromkeys(NUMBERS["epoch"], 1.0) | {"step": 469, "epoch": 1}
    events.write("epoch", **numbers | {"train_accuracy": 0.5, "test_accuracy": 0.6})
    events.write("end", reason="finished", step=469)
    events.close()
    write(run.snapshots, *(snapshot(step) for step in steps))
    return run


def shown(at: AppTest) -> dict[str, Any]:
    """The data that the component received."""
    protos = [component.proto for component in at.get("bidi_component")]
    (replayed,) = [proto for proto in protos if "replay" in proto.component_name]
    return json.loads(replayed.json)


def test_a_finished_run_has_a_replay(runs_dir: Path):
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
def test_the_address_names_the_step(runs_dir: Path, link: str, step: int | None):
    run = finished(runs_dir / "20260101-000000-article-aa", 0, 100)
    assert shown(page(run=run.id, moment=link))["step"] == step


def test_a_run_without_snapshots_says_so(runs_dir: Path):
    run = finished(runs_dir / "20260101-000000-article-aa")
    run.snapshots.unlink()
    at = page(run=run.id)
    assert "No snapshots were recorded" in page_text(at)


def test_a_recorded_run_can_be_replayed(runs_dir: Path, recorded_dir: Path):
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


def test_an_unknown_recorded_run_shows_the_form(runs_dir: Path, recorded_dir: Path):
    assert [b for b in page(watch="../../x").button if b.key == "start"]


def test_images_can_be_pinned_and_unpinned(runs_dir: Path):
    at = page()
    at.number_input(key="pin number").set_value(17)
    at.button(key="pin test picture").click().run()
    assert not at.exception
    assert [pin.name for pin in pins.for_next_run()][-1] == "Test image 17"
    board = at.multiselect(key="pins chosen")
    board.set_value(board.value[:-2]).run()
    assert len(pins.for_next_run()) == 9


def test_snapshot_data_is_cached(runs_dir: Path):
    run = finished(runs_dir / "20260101-000000-article-aa", 0, 100)
    arguments = (str(run.directory), (2, 100, 1), run, snapshots.follow(run.snapshots))
    assert replay._snapshot_data(*arguments) is replay._snapshot_data(*arguments)
    shutil.rmtree(run.directory)
