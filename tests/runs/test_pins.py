"""Pinned pictures: kept in files that may hold anything, handed to runs, changed by pages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from alexnet_demo.common.errors import ImageError
from alexnet_demo.jobs import pinning
from alexnet_demo.runs import pins
from alexnet_demo.runs.pins import MAX_PINS, Pin
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig


def picture(seed: int, side: int = 28) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)


def test_a_pin_comes_back_as_it_was(tmp_path: Path):
    given = [Pin("a shoe", picture(1), 7), Pin("my drawing", picture(2, 56))]
    pins.write(tmp_path / "pins.json", given)
    found = pins.read(tmp_path / "pins.json")
    assert [(p.name, p.label, p.id) for p in found] == [(p.name, p.label, p.id) for p in given]
    assert all((a.pixels == b.pixels).all() for a, b in zip(given, found, strict=True))


def test_what_is_no_pin_is_passed_over(tmp_path: Path):
    good = Pin("good", picture(3), 2).to_json()
    oblong = Pin("oblong", picture(3)[:14], None).to_json()
    odd = [None, {}, {"name": "x", "png": "?"}, {**good, "png": "AAAA"}, oblong, [good]]
    path = tmp_path / "pins.json"
    path.write_text(json.dumps({"pins": [*odd, good, {**good, "name": "the same"}]}))
    assert [pin.name for pin in pins.read(path)] == ["good"]
    for content in ("", "{", "[]", '{"pins": 3}'):
        path.write_text(content)
        assert pins.read(path) == ()


@pytest.mark.parametrize("label", [10, -1, "7", None, 1.5])
def test_an_unknown_class_is_none(label: object):
    record = {**Pin("x", picture(1)).to_json(), "label": label}
    assert Pin.from_json(record).label is None


def test_a_large_picture_is_refused():
    with pytest.raises(ImageError, match="at most 224 pixels"):
        Pin.from_json(Pin("large", picture(1, 225)).to_json())


def test_a_run_begins_with_one_picture_of_each_class_or_what_lies_on_the_board(runs_dir: Path):
    first, second = Run(runs_dir / "a"), Run(runs_dir / "b")
    prepare(first.directory, TrainConfig())
    assert [pin.label for pin in pins.read(first.pins)] == list(range(10))
    pins.write(pins.board_path(), [Pin("mine", picture(4))])
    prepare(second.directory, TrainConfig())
    assert [pin.name for pin in pins.read(second.pins)] == ["mine"]


def test_pages_put_pins_up_and_take_them_off(runs_dir: Path):
    mine = Pin("mine", picture(5))
    assert pinning.pin(mine).done
    assert pinning.pin(mine).done
    assert [pin.name for pin in pins.for_next_run()][-1] == "mine"
    assert len(pins.for_next_run()) == 11
    assert pinning.unpin(mine.id).done
    assert len(pins.for_next_run()) == 10


def test_no_more_than_fit(runs_dir: Path):
    for number in range(MAX_PINS - 10):
        assert pinning.pin(Pin(f"{number}", picture(number))).done
    refused = pinning.pin(Pin("one more", picture(99)))
    assert not refused.done
    assert "unpin one first" in refused.message
    assert len(pins.for_next_run()) == MAX_PINS


def test_everything_may_be_taken_off(runs_dir: Path):
    for pin in pins.for_next_run():
        pinning.unpin(pin.id)
    assert pins.for_next_run() == ()
