"""Pins: in files that may hold anything, taken over by runs, changed by pages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from alexnet_demo.common.errors import ImageError
from alexnet_demo.jobs import actions
from alexnet_demo.runs import pins
from alexnet_demo.runs.pins import MAX_PINS, Pin
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig


def image(seed: int, side: int = 28) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)


def test_a_pin_is_read_as_written(tmp_path: Path):
    before = [Pin("a shoe", image(1), 7), Pin("my drawing", image(2, 56))]
    pins.write(tmp_path / "pins.json", before)
    after = pins.read(tmp_path / "pins.json")
    assert [(p.name, p.label, p.id) for p in after] == [(p.name, p.label, p.id) for p in before]
    assert all((a.pixels == b.pixels).all() for a, b in zip(before, after, strict=True))


def test_invalid_and_duplicate_pins_are_skipped(tmp_path: Path):
    good = Pin("good", image(3), 2).to_json()
    oblong = Pin("oblong", image(3)[:14], None).to_json()
    odd = [None, {}, {"name": "x", "png": "?"}, {**good, "png": "AAAA"}, oblong, [good]]
    path = tmp_path / "pins.json"
    path.write_text(json.dumps({"pins": [*odd, good, {**good, "name": "the same"}]}))
    assert [pin.name for pin in pins.read(path)] == ["good"]
    for content in ("", "{", "[]", '{"pins": 3}'):
        path.write_text(content)
        assert pins.read(path) == ()


@pytest.mark.parametrize("label", [10, -1, "7", None, 1.5])
def test_an_unknown_label_is_none(label: object):
    record = {**Pin("x", image(1)).to_json(), "label": label}
    assert Pin.from_json(record).label is None


def test_a_large_image_is_rejected():
    with pytest.raises(ImageError, match="224"):
        Pin.from_json(Pin("large", image(1, 225)).to_json())


def test_a_run_starts_with_an_image_of_each_class_or_the_pins_chosen(runs_dir: Path):
    first, second = Run(runs_dir / "a"), Run(runs_dir / "b")
    prepare(first.directory, TrainConfig())
    assert [pin.label for pin in pins.read(first.pins)] == list(range(10))
    pins.write(pins.board_path(), [Pin("mine", image(4))])
    prepare(second.directory, TrainConfig())
    assert [pin.name for pin in pins.read(second.pins)] == ["mine"]


def test_images_are_pinned_once_and_unpinned(runs_dir: Path):
    mine = Pin("mine", image(5))
    assert actions.pin(mine).done
    assert actions.pin(mine).done
    assert [pin.name for pin in pins.for_next_run()][-1] == "mine"
    assert len(pins.for_next_run()) == 11
    for pin in pins.for_next_run():
        assert actions.unpin(pin.id).done
    assert pins.for_next_run() == ()


def test_the_number_of_pins_is_limited(runs_dir: Path):
    for number in range(MAX_PINS - 10):
        assert actions.pin(Pin(f"{number}", image(number))).done
    refused = actions.pin(Pin("one more", image(99)))
    assert not refused.done and str(MAX_PINS) in refused.message
    assert len(pins.for_next_run()) == MAX_PINS
