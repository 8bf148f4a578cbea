"""Event files: written whole, read as they come, folded without gaps or doubles."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path

import pytest

from alexnet_demo.runs.events import EventReader, EventWriter
from alexnet_demo.runs.history import MAX_BATCHES, NEWEST, NUMBERS, History, follow, read_full
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig


def batch(step: int) -> dict:
    numbers = {"loss": 1.0, "accuracy": 0.5, "images_per_s": 10.0, "peak_memory": 9}
    return {"event": "batch", "time": 0, "step": step, "epoch": step / 4, **numbers}


def epoch(number: int, accuracy: float) -> dict:
    names = ("train_loss", "train_accuracy", "test_loss", "seconds", "test_seconds")
    return {
        "event": "epoch",
        "time": 0,
        "step": 4 * number,
        "epoch": number,
        "test_accuracy": accuracy,
        **dict.fromkeys((*names, "images_per_s", "peak_memory"), 1.0),
    }


def folded(*events: dict) -> History:
    history = History()
    for event in events:
        history.add(event)
    return history


def test_writer_appends_and_echoes(tmp_path: Path):
    echo = io.StringIO()
    writer = EventWriter(tmp_path / "e.jsonl", echo)
    writer.write("start", step=0)
    writer.write("end", reason="finished")
    lines = (tmp_path / "e.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["start", "end"]
    assert echo.getvalue().splitlines() == lines


def test_writer_refuses_what_json_cannot_hold(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        EventWriter(tmp_path / "e.jsonl").write("batch", loss=float("nan"))
    assert (tmp_path / "e.jsonl").read_text() == ""


def test_reader_resumes_and_waits_for_the_rest_of_a_line(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    reader = EventReader(path)
    assert reader.read() == []
    path.write_text('{"event": "start"}\n{"event": "ba')
    assert [e["event"] for e in reader.read()] == ["start"]
    with path.open("a") as file:
        file.write('tch"}\n')
    assert [e["event"] for e in reader.read()] == ["batch"]
    assert reader.read() == []


def test_reader_passes_over_garbage(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    path.write_bytes(b'\xff\xfe\n[1]\n{"event": 3}\nnot json\n\n{"event": "end"}\n')
    assert [e["event"] for e in EventReader(path).read()] == ["end"]


def test_writer_begins_a_new_line_after_a_torn_one(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    path.write_text('{"event": "start"}\n{"event": "bat')
    EventWriter(path).write("start", step=0)
    assert [e["event"] for e in EventReader(path).read()] == ["start", "start"]


def test_records_know_the_seconds_at_work_without_pauses():
    start = {"event": "start", "step": 0}
    first, second = epoch(1, 0.5), epoch(2, 0.6)
    end = {"event": "end", "reason": "paused", "time": 70}
    history = folded(
        *({**start, "time": 0}, {**first, "time": 60}, end),
        *({**start, "time": 1000, "step": 4, "epochs_done": 1}, {**second, "time": 1060}),
    )
    assert [e["elapsed"] for e in history.epochs] == [60, 130]


def test_a_resumed_run_drops_what_it_will_repeat():
    start = {"event": "start", "time": 0, "step": 0}
    again = {"event": "start", "time": 0, "step": 5, "epochs_done": 1}
    history = folded(start, *map(batch, range(1, 5)), epoch(1, 0.6), *map(batch, range(5, 8)))
    history.add(again)
    for event in map(batch, range(6, 9)):
        history.add(event)
    assert [b["step"] for b in history.batches] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [e["epoch"] for e in history.epochs] == [1]


def test_of_a_long_training_fewer_batches_are_held_and_all_can_be_read(tmp_path: Path):
    writer = EventWriter(tmp_path / "events.jsonl")
    for step in range(1, 10_001):
        writer.write("batch", **{name: batch(step)[name] for name in NUMBERS["batch"]})
    writer.close()
    history = follow(tmp_path / "events.jsonl")
    steps = [b["step"] for b in history.batches]
    assert MAX_BATCHES <= len(steps) <= 2 * MAX_BATCHES and steps == sorted(set(steps))
    assert steps[0] == 1 and steps[-NEWEST:] == list(range(10_001 - NEWEST, 10_001))
    assert max(b - a for a, b in pairwise(steps)) <= 20
    assert [b["step"] for b in read_full(tmp_path / "events.jsonl").batches] == list(
        range(1, 10_001)
    )


def test_a_lost_record_of_an_epoch_makes_no_run_unfinished(runs_dir: Path):
    run = Run(runs_dir / "20260101-000000-quick-aa")
    prepare(run.directory, TrainConfig(epochs=3))
    history = [epoch(1, 0.5), epoch(3, 0.6), {"event": "end", "reason": "finished", "time": 9}]
    run.events.write_text("".join(json.dumps(event) + "\n" for event in history))
    assert run.state == "finished"
    assert (run.unfinished, run.stopped_early, run.resumable) == (False, False, False)


def test_an_epoch_whose_test_is_repeated_is_not_doubled():
    start = {"event": "start", "time": 0, "step": 0}
    again = {"event": "start", "time": 0, "step": 4, "epochs_done": 0}
    history = folded(start, *map(batch, range(1, 5)), epoch(1, 0.6), again, epoch(1, 0.6))
    assert [e["epoch"] for e in history.epochs] == [1]


def test_best_is_the_first_of_equals():
    history = folded(epoch(1, 0.6), epoch(2, 0.8), epoch(3, 0.8))
    assert history.best and history.best["epoch"] == 2
    assert History().best is None


def test_events_without_their_numbers_are_passed_over():
    good = epoch(1, 0.6)
    broken = [
        {**good, "peak_memory": None},
        {**good, "test_loss": float("nan")},
        {**good, "time": "yesterday"},
        {**batch(1), "loss": "low"},
        {"event": "test", "time": 0, "epoch": 1, "total": 3},
        {"event": "start", "time": 0},
        {"event": "from the future", "time": 0},
        {"event": "epoch"},
    ]
    assert folded(*broken) == History()
    assert len(folded(*broken, good).epochs) == 1


def test_seconds_leave_out_pauses():
    times = (("start", 0), ("batch", 10), ("end", 15), ("start", 1000), ("end", 1003))
    history = folded(*({**batch(0), "event": kind, "time": t} for kind, t in times))
    assert history.seconds == 18


def test_follow_reads_on_and_notices_another_file(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    assert follow(path).start is None
    EventWriter(path).write("start", step=0)
    assert follow(path).marks == 1
    EventWriter(path).write("end", reason="finished")
    assert follow(path).marks == 2
    path.rename(tmp_path / "old")
    EventWriter(path).write("start", step=0)
    assert follow(path).marks == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"step": 10**400},
        {"time": 1e300},
        {"test_accuracy": "0.9"},
        {"width": "1"},
        {"config": [1]},
        {"device": {"a": 1}},
        {"message": None},
        {"epochs_done": "all"},
    ],
)
def test_events_that_nobody_can_work_with_are_passed_over(odd: dict):
    history = folded(epoch(1, 0.5), {**epoch(2, 0.6), **odd})
    assert history.best and history.best["epoch"] == 1 and history.seconds == 0


def test_lines_nested_without_end_are_passed_over(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    path.write_text("[" * 100_000 + '\n{"event": "a\\ud800"}\n{"event": "start"}\n')
    assert EventReader(path).read() == [{"event": "start"}]
