"""Snapshots: read as written, invalid records skipped, signs of trouble diagnosed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.snapshots import (
    LayerState,
    PinPrediction,
    Snapshot,
    diagnose,
    follow,
    to_map,
)

HEALTHY = LayerState("conv1", 0.1, 0.2, 0.5, 0.1, 3.0, 0.2, 0.001)


def snapshot(step: int = 100, **changes: Any) -> Snapshot:
    heat = np.arange(144, dtype=np.uint8).reshape(12, 12)
    usual = Snapshot(
        step,
        step / 100,
        0.5,
        np.arange(2 * 121, dtype=np.uint64).astype(np.uint8).reshape(2, 11, 11),
        0.3,
        {"a": PinPrediction((0.1,) * 10, heat), "b": PinPrediction((0.0,) * 9 + (1.0,), heat)},
        (HEALTHY,),
        0.8,
        tuple((9,) * 10 for _ in range(10)),
    )
    return replace(usual, **changes)


def write(path: Path, *snapshots: Snapshot) -> None:
    events = EventWriter(path)
    for each in snapshots:
        events.write("moment", **each.to_json())
    events.close()


def steps(path: Path) -> list[int]:
    return [each.step for each in follow(path)]


def test_a_snapshot_is_read_as_written(tmp_path: Path):
    assert follow(tmp_path / "moments.jsonl") == []
    before = snapshot()
    write(tmp_path / "moments.jsonl", before)
    (after,) = follow(tmp_path / "moments.jsonl")
    assert (after.step, after.epoch, after.width, after.filter_max) == (100, 1.0, 0.5, 0.3)
    assert (after.accuracy, after.confusion) == (before.accuracy, before.confusion)
    assert after.layers == before.layers
    assert (after.filters == before.filters).all()
    assert after.pins["b"].top_class == 9
    assert (after.pins["a"].heat == before.pins["a"].heat).all()


def test_steps_that_a_resumed_run_repeats_appear_once(tmp_path: Path):
    path = tmp_path / "moments.jsonl"
    write(path, *map(snapshot, (0, 100, 200, 300)))
    assert steps(path) == [0, 100, 200, 300]
    write(path, snapshot(200, accuracy=0.9))
    assert steps(path) == [0, 100, 200]
    assert follow(path)[-1].accuracy == 0.9


@pytest.mark.parametrize(
    "fields",
    [
        {"step": "x"},
        {"epoch": None},
        {"width": float("1e999")},
        {"filters": {"shape": [2, 11, 11], "bytes": "AAAA"}},
        {"filters": {"shape": [242], "bytes": snapshot().to_json()["filters"]["bytes"]}},
        {"filters": 3},
        {"pins": []},
        {"pins": {"a": {"probabilities": [1.0], "heat": to_map(np.zeros((2, 2), np.uint8))}}},
        {"layers": [{"name": "conv1"}]},
        {"layers": 7},
        {"confusion": [[1, 2], [3, 4]]},
        {"confusion": "no"},
        {"accuracy": "high"},
    ],
    ids=lambda fields: json.dumps(fields)[:40],
)
def test_an_invalid_record_is_skipped(fields: dict[str, Any], tmp_path: Path):
    path = tmp_path / "moments.jsonl"
    write(path, snapshot(100))
    record = {"event": "moment", "time": 1.0, **snapshot(200).to_json(), **fields}
    with path.open("a") as file:
        file.write(f'{json.dumps(record)}\n{{"event": "other"}}\nhalf a li')
    assert steps(path) == [100]


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"dead": 0.61}, ("61%", "conv1", "channels")),
        ({"name": "fc6", "dead": 0.9}, ("90%", "fc6", "units")),
        ({"update_ratio": 0.3}, ("30%", "conv1")),
        ({"gradient_norm": 0.0}, ("gradient", "conv1")),
    ],
)
def test_signs_of_trouble_are_diagnosed(changes: dict[str, Any], facts: tuple[str, ...]):
    layer = replace(HEALTHY, **changes)
    (problem,) = diagnose(snapshot(layers=(layer,)))
    assert all(fact in problem for fact in facts)
    assert diagnose(snapshot(step=0, layers=(layer,))) == []


def test_a_healthy_network_has_no_problems():
    assert diagnose(snapshot()) == []
    assert diagnose(snapshot(layers=(replace(HEALTHY, name="fc6", dead=0.6),))) == []


def test_one_prediction_for_all_pins_is_a_problem():
    same = {str(n): snapshot().pins["b"] for n in range(4)}
    assert len(diagnose(snapshot(pins=same))) == 1
