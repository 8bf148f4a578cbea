"""Events: written line by line, read while they grow, and accumulated without gaps or doubles."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from alexnet_demo.runs.events import BLOCK, EventReader, EventWriter
from alexnet_demo.runs.history import (
    MAX_BATCHES,
    NEWEST,
    NUMBERS,
    History,
    first_time,
    follow,
    read_full,
)

START = {"event": "start", "time": 0, "step": 0}


def batch(step: int, **fields: Any) -> dict[str, Any]:
    numbers = {"loss": 1.0, "accuracy": 0.5, "images_per_s": 10.0, "peak_memory": 9}
    return {"event": "batch", "time": 0, "step": step, "epoch": step / 4, **numbers, **fields}


def epoch(number: int, accuracy: float = 0.6, **fields: Any) -> dict[str, Any]:
    numbers = dict.fromkeys(NUMBERS["epoch"], 1.0)
    position = {"step": 4 * number, "epoch": number, "test_accuracy": accuracy}
    return {"event": "epoch", "time": 0, **numbers, **position, **fields}


def history_of(*events: dict[str, Any]) -> History:
    history = History()
    for event in events:
        history.add(event)
    return history


def kinds(reader: EventReader) -> list[str]:
    return [event["event"] for event in reader.read()]


def test_the_writer_appends_and_echoes(tmp_path: Path):
    echo = io.StringIO()
    writer = EventWriter(tmp_path / "e.jsonl", echo)
    writer.write("start", step=0)
    writer.write("end", reason="finished")
    lines = (tmp_path / "e.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["start", "end"]
    assert echo.getvalue().splitlines() == lines


def test_the_writer_rejects_nan(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON"):
        EventWriter(tmp_path / "e.jsonl").write("batch", loss=float("nan"))
    assert (tmp_path / "e.jsonl").read_text() == ""


def test_the_writer_begins_a_new_line_after_a_torn_one(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    path.write_text('{"event": "start"}\n{"event": "bat')
    EventWriter(path).write("start", step=0)
    assert kinds(EventReader(path)) == ["start", "start"]


def test_the_reader_continues_and_waits_for_the_rest_of_a_line(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    reader = EventReader(path)
    assert reader.read() == []
    path.write_text('{"event": "start"}\n{"event": "ba')
    assert kinds(reader) == ["start"]
    with path.open("a") as file:
        file.write('tch"}\n')
    assert kinds(reader) == ["batch"]
    assert reader.read() == []


def test_the_reader_skips_damaged_lines(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    nested = b"[" * 100_000
    lines = (b"\xff\xfe", b"[1]", b'{"event": 3}', b"text", nested, b'{"event": "a\\ud800"}', b"")
    path.write_bytes(b"\n".join((*lines, b'{"event": "end"}\n')))
    assert EventReader(path).read() == [{"event": "end"}]


def test_seconds_leave_out_pauses():
    history = history_of(
        START,
        epoch(1, time=60),
        {"event": "end", "reason": "paused", "time": 70},
        {**START, "time": 1000, "step": 4, "epochs_done": 1},
        epoch(2, time=1060),
    )
    assert history.seconds == 130
    assert [e["elapsed"] for e in history.epochs] == [60, 130]


def test_a_clock_set_back_makes_no_time_negative():
    times = (1010.0, 400.0, 420.0)
    history = history_of({**START, "time": 1000.0}, *(batch(1, time=t) for t in times))
    assert history.seconds == 30.0
    assert [b["elapsed"] for b in history.batches] == [10.0, 10.0, 30.0]


def test_a_resumed_run_drops_what_it_repeats():
    history = history_of(
        START,
        *map(batch, range(1, 5)),
        epoch(1),
        *map(batch, range(5, 8)),
        {**START, "step": 5, "epochs_done": 1},
        *map(batch, range(6, 9)),
    )
    assert [b["step"] for b in history.batches] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [e["epoch"] for e in history.epochs] == [1]


def test_a_repeated_evaluation_gives_one_epoch():
    again = {**START, "step": 4, "epochs_done": 0}
    history = history_of(START, *map(batch, range(1, 5)), epoch(1), again, epoch(1))
    assert [e["epoch"] for e in history.epochs] == [1]


def test_a_long_run_is_thinned_and_can_be_read_in_full(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    for step in range(1, 10_001):
        writer.write("batch", **{name: batch(step)[name] for name in NUMBERS["batch"]})
    writer.close()
    steps = [b["step"] for b in follow(path).batches]
    assert MAX_BATCHES <= len(steps) <= 2 * MAX_BATCHES and steps == sorted(set(steps))
    assert steps[0] == 1 and steps[-NEWEST:] == list(range(10_001 - NEWEST, 10_001))
    assert max(b - a for a, b in pairwise(steps)) <= 20
    assert [b["step"] for b in read_full(path).batches] == list(range(1, 10_001))


def write_long_run(path: Path, batches: int) -> None:
    """A run that was killed after every hundredth batch, and resumed a second later."""
    time, lines = 1000.0, []
    for step in range(1, batches + 1):
        if step % 100 == 1:
            time += 1
            lines.append({**START, "time": time, "step": step - 1})
        time += 0.5
        lines.append(batch(step, time=time, filler="x" * 60))
    lines.append(epoch(1, time=time + 2))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_long_file_is_sampled_and_loses_nothing_but_batch_events(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    write_long_run(path, 30_000)
    full, sampled = read_full(path), follow(path)
    for name in ("seconds", "started_at", "marks", "epochs", "step", "start", "last"):
        assert getattr(full, name) == getattr(sampled, name), name
    read = sum(event["event"] == "batch" for event in EventReader(path, 1_000).read())
    assert read < 2_000
    assert sum(event["event"] == "batch" for event in EventReader(path).read()) == 30_000
    assert sampled.batches[-NEWEST:] == full.batches[-NEWEST:]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_file_of_122_mb_opens_in_seconds_and_little_memory(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    write_long_run(path, 580_000)
    code = (
        "import sys, time; from pathlib import Path; from alexnet_demo.runs.history import follow;"
        "follow(Path(sys.argv[1])); status = Path('/proc/self/status').read_text();"
        # Not getrusage: its maximum includes that of the process before exec.
        "print(time.process_time(), status.split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-c", code, str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, kilobytes = map(float, output.split())
    assert path.stat().st_size > 122e6 and seconds < 4 and kilobytes < 60_000


def test_a_line_longer_than_a_block_is_skipped_once(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    path.write_bytes(b'{"event": "a"}\n' + bytes(3 * BLOCK) + b'\n{"event": "b"}\n{"ev')
    reader = EventReader(path)
    assert kinds(reader) == ["a", "b"]
    assert reader.offset == path.stat().st_size - 4
    assert reader.read() == []


def test_the_first_time_is_read_from_the_beginning(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    assert first_time(path) is None
    path.write_text('{"event": "sta')
    assert first_time(path) is None
    path.write_text("damaged\n" + json.dumps({**START, "time": 7}) + "\n")
    assert first_time(path) == 7
    path.write_bytes(b"")  # its content never changes, but it may be lost
    assert first_time(path) == 7


def test_the_best_epoch_is_the_first_of_equals():
    history = history_of(epoch(1, 0.6), epoch(2, 0.8), epoch(3, 0.8))
    assert history.best and history.best["epoch"] == 2
    assert History().best is None


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "from the future"},
        {"peak_memory": None},
        {"test_loss": float("nan")},
        {"time": "yesterday"},
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
def test_invalid_events_are_skipped(fields: dict[str, Any]):
    missing = {"event": "test", "time": 0, "epoch": 1, "total": 3}
    assert history_of(missing, epoch(2, **fields), {"event": "epoch"}) == History()
    assert len(history_of(epoch(1), epoch(2, **fields)).epochs) == 1


def test_a_followed_file_may_grow_be_replaced_or_be_emptied(tmp_path: Path):
    path = tmp_path / "e.jsonl"
    assert follow(path).start is None
    EventWriter(path).write("start", step=0)
    assert follow(path).marks == 1
    EventWriter(path).write("end", reason="finished")
    assert follow(path).marks == 2
    path.rename(tmp_path / "old")
    EventWriter(path).write("start", step=0)
    assert follow(path).marks == 1
    path.write_bytes(b"")
    assert follow(path).marks == 0
