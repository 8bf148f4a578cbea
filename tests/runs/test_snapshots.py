"""Records of a network's moments: read back as written, broken ones passed over, worries told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_demo.runs import snapshots
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.snapshots import LayerState, PinPrediction, Snapshot, diagnose

FINE = LayerState("conv1", 0.1, 0.2, 0.5, 0.1, 3.0, 0.2, 0.001)


def moment(step: int = 100, **changes: Any) -> Snapshot:
    heat = np.arange(144, dtype=np.uint8).reshape(12, 12)
    usual = Snapshot(
        step,
        step / 100,
        0.5,
        np.arange(2 * 121, dtype=np.uint64).astype(np.uint8).reshape(2, 11, 11),
        0.3,
        {"a": PinPrediction((0.1,) * 10, heat), "b": PinPrediction((0.0,) * 9 + (1.0,), heat)},
        (FINE,),
        0.8,
        tuple((9,) * 10 for _ in range(10)),
    )
    return replace(usual, **changes)


def write(path: Path, *found: Snapshot) -> None:
    events = EventWriter(path)
    for each in found:
        events.write("moment", **each.to_json())
    events.close()


def test_a_moment_comes_back_as_it_was(tmp_path: Path):
    given = moment()
    write(tmp_path / "moments.jsonl", given)
    (found,) = snapshots.follow(tmp_path / "moments.jsonl")
    assert (found.step, found.epoch, found.width, found.filter_max) == (100, 1.0, 0.5, 0.3)
    assert (found.accuracy, found.confusion) == (given.accuracy, given.confusion)
    assert found.layers == given.layers
    assert (found.filters == given.filters).all()
    assert found.pins["b"].top_class == 9
    assert (found.pins["a"].heat == given.pins["a"].heat).all()


def test_what_a_resumed_run_went_through_again_is_told_once(tmp_path: Path):
    path = tmp_path / "moments.jsonl"
    write(path, moment(0), moment(100), moment(200), moment(300))
    assert [m.step for m in snapshots.follow(path)] == [0, 100, 200, 300]
    write(path, moment(200, accuracy=0.9))
    found = snapshots.follow(path)
    assert [m.step for m in found] == [0, 100, 200]
    assert found[-1].accuracy == 0.9


BROKEN: list[dict[str, Any]] = [
    {"step": "x"},
    {"epoch": None},
    {"width": float("1e999")},
    {"filters": {"shape": [2, 11, 11], "bytes": "AAAA"}},
    {"filters": {"shape": [242], "bytes": moment().to_json()["filters"]["bytes"]}},
    {"filters": 3},
    {"pins": []},
    {"pins": {"a": {"probabilities": [1.0], "heat": snapshots.to_map(np.zeros((2, 2), np.uint8))}}},
    {"layers": [{"name": "conv1"}]},
    {"layers": 7},
    {"confusion": [[1, 2], [3, 4]]},
    {"confusion": "no"},
    {"accuracy": "high"},
]


@pytest.mark.parametrize("change", BROKEN, ids=lambda change: json.dumps(change)[:40])
def test_a_broken_record_is_passed_over(change: dict[str, Any], tmp_path: Path):
    path = tmp_path / "moments.jsonl"
    write(path, moment(100))
    with path.open("a") as file:
        file.write(json.dumps({"event": "moment", "time": 1.0, **moment(200).to_json(), **change}))
        file.write("\n" + '{"event": "other"}\n' + "half a li")
    assert [m.step for m in snapshots.follow(path)] == [100]


def test_no_file_has_no_moments(tmp_path: Path):
    assert snapshots.follow(tmp_path / "moments.jsonl") == []


def test_a_network_that_fares_well_gives_no_worries():
    assert diagnose(moment()) == []


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (replace(FINE, dead=0.61), "61% of conv1's channels are always zero"),
        (replace(FINE, name="fc6", dead=0.9), "90% of fc6's units are always zero"),
        (replace(FINE, update_ratio=0.3), "The last step changed conv1's weights by 30%"),
        (replace(FINE, gradient_norm=0.0), "No gradient reaches conv1"),
    ],
)
def test_what_looks_wrong_is_said(layer: LayerState, words: str):
    (sentence,) = diagnose(moment(layers=(layer,)))
    assert words in sentence
    assert diagnose(moment(step=0, layers=(layer,))) == []


def test_half_of_the_units_may_rest():
    assert diagnose(moment(layers=(replace(FINE, name="fc6", dead=0.6),))) == []


def test_the_same_answer_for_all_pins_is_said():
    same = {str(n): moment().pins["b"] for n in range(4)}
    assert diagnose(moment(pins=same)) == [
        "All pins get the same prediction: the network cannot tell them apart yet."
    ]
