"""Runs: their state, names, and settings, and directories that are damaged or from elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.common.text import percent
from alexnet_demo.runs import state
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.history import NUMBERS
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import MAX_NAME, Run
from alexnet_demo.runs.state import Status, derive_state
from alexnet_demo.runs.store import (
    best_run,
    current_run,
    get_run,
    list_runs,
    new_run_directory,
    prepare,
    resolved_config,
)
from alexnet_demo.settings.config import TrainConfig

START = {"event": "start", "step": 0}
ERROR = {"event": "error", "message": "No."}


def end(reason: str = "finished") -> dict[str, Any]:
    return {"event": "end", "reason": reason}


def epoch(accuracy: float, number: int = 1) -> dict[str, Any]:
    numbers = dict.fromkeys(NUMBERS["epoch"], 1.0)
    return {"event": "epoch", **numbers, "epoch": number, "test_accuracy": accuracy}


def run_with(runs: Path, name: str, *events: dict[str, Any], **settings: Any) -> Run:
    run = Run(runs / name)
    prepare(run.directory, TrainConfig(**settings))
    writer = EventWriter(run.events)
    for event in events:
        writer.write(event["event"], **{k: v for k, v in event.items() if k != "event"})
    writer.close()
    return run


LOCAL, CLUSTER, PLACED = {"pid": 1}, {"ray": "x"}, {"ray": "x", "pid": 1}
REPORTED: dict[str, Any] = {"job": LOCAL, "alive": True, "reported": True}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status(), "interrupted"),
        (Status(LOCAL, alive=True), "starting"),
        (Status(LOCAL), "failed"),  # before its first event
        (Status(**REPORTED), "running"),
        (Status(**REPORTED, request="pause"), "pausing"),
        (Status(**REPORTED, request="stop"), "stopping"),
        (Status(LOCAL, reported=True), "interrupted"),
        (Status(**REPORTED, end=end("paused")), "paused"),
        (Status(**REPORTED, end=end("stopped")), "stopped"),
        (Status(**REPORTED, end=end("finished"), request="stop"), "finished"),
        (Status(**REPORTED, end=end("odd")), "failed"),
        (Status(**REPORTED, end=ERROR), "failed"),
        (Status(ticket=True), "queued"),
        (Status(LOCAL, ticket=True), "queued"),
        (Status(**REPORTED, end=end("paused"), ticket=True), "queued"),
        (Status(**REPORTED, ticket=True), "running"),  # the trainer is about to take it
        (Status(CLUSTER, alive=True), "queued"),
        (Status(CLUSTER), "failed"),
        (Status(PLACED, alive=True), "starting"),
        (Status(PLACED, reported=True), "interrupted"),
    ],
)
def test_the_state_follows_from_the_status(status: Status, expected: str):
    assert derive_state(status) == expected


def test_states_are_their_values_in_text_and_json():
    assert f"{state.State.RUNNING}" == "running"
    assert json.dumps(state.State.RUNNING) == '"running"'


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([START, end()], "finished"),
        ([START, {"event": "batch", "step": 1}], "interrupted"),
        ([START, end("paused"), START], "interrupted"),
        ([START, ERROR], "failed"),
    ],
)
def test_the_last_event_is_read(runs_dir: Path, events: list[dict], expected: str):
    assert run_with(runs_dir, "a", *events).state == expected


def test_the_process_of_an_ended_run_is_not_checked(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    run = run_with(runs_dir, "a", START, end())
    monkeypatch.setattr(state, "is_alive", lambda *_: pytest.fail("checked"))
    assert run.state == "finished"


def test_a_queued_run_that_is_launched_meanwhile_counts_as_queued(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    run = run_with(runs_dir, "a")
    run.ticket.parent.mkdir()
    run.ticket.touch()
    monkeypatch.setattr(state, "is_alive", lambda *_: run.ticket.unlink())
    assert run.state == "queued"


def test_a_pid_that_another_process_has_by_now_is_recognized(runs_dir: Path):
    run = run_with(runs_dir, "a", START)
    register(run.directory, os.getpid())
    job = {**read_json(run.job_path), "marks": 0}
    write_json(run.job_path, job)
    assert run.state == "running"
    write_json(run.job_path, {**job, "started": job["started"] - 1000})
    assert run.state == "interrupted"


def test_a_run_that_was_queued_by_an_older_version_says_that_it_has_not_started(runs_dir: Path):
    """Version 0.5 kept the ticket in the directory; there it no longer starts a run."""
    run = run_with(runs_dir, "a")
    run.events.unlink()
    write_json(run.directory / "ticket.json", {"number": 1, "seconds": None})
    assert run.state == "interrupted" and run.resumable
    assert "Resume" in run.error and "killed" not in run.error


@pytest.mark.parametrize("device", ["x/../../victim", "a\0b", "x" * 300, "cuda:99999", 7])
def test_a_device_that_none_can_be_called_is_not_shown(runs_dir: Path, device: object):
    run = run_with(runs_dir, "a", {**START, "device": device})
    settings = json.loads(run.config_path.read_text())
    run.config_path.write_text(json.dumps({**settings, "device": device}))
    assert run.device == "auto" and run.config == TrainConfig()
    assert resolved_config(run).device == "auto"
    with pytest.raises(ConfigError, match="evice"):
        run.read_config()


def test_setting_the_clock_does_not_end_a_run(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    run = run_with(runs_dir, "a", START)
    process = subprocess.Popen(["sleep", "999"])
    register(run.directory, process.pid)
    write_json(run.job_path, {**read_json(run.job_path), "marks": 0})
    boot = psutil.boot_time()
    for module in (psutil, getattr(psutil, "_pslinux", psutil)):
        monkeypatch.setattr(module, "boot_time", lambda: boot - 3600)
    assert run.state == "running"
    process.kill()
    process.wait()


def test_a_lost_epoch_event_does_not_make_a_run_unfinished(runs_dir: Path):
    run = run_with(runs_dir, "a", epoch(0.5, 1), epoch(0.6, 3), end(), epochs=3)
    assert run.state == "finished"
    assert (run.unfinished, run.stopped_early, run.resumable) == (False, False, False)


def test_early_stopping_waits_for_the_full_width(runs_dir: Path):
    """As the trainer does: a run that was paused before it grew is not done."""
    narrow = [epoch(0.5, 1) | {"width": 0.0625}, epoch(0.4, 2) | {"width": 0.0625}]
    settings = {"epochs": 9, "patience": 1, "width": 0.125, "grow": "0.5:0.5"}
    run = run_with(runs_dir, "a", START, *narrow, end(reason="paused"), **settings)
    assert run.unfinished
    wide = [epoch(0.6, 3) | {"width": 0.125}, epoch(0.6, 4) | {"width": 0.125}]
    run = run_with(runs_dir, "b", START, *narrow, *wide, end(), **settings)
    assert not run.unfinished


def test_validation_and_test_accuracy_are_told_apart(runs_dir: Path):
    start = START | {"config": {"validation": 100}}
    ends = end() | {"test_accuracy": 0.55, "test_loss": 1.0, "test_images": 32}
    run = run_with(runs_dir, "a", start, epoch(0.6, 1), epoch(0.5, 2), validation=100)
    assert run.accuracies == [("best validation accuracy", 0.6, 100)]
    run = run_with(runs_dir, "b", start, epoch(0.6, 1), epoch(0.5, 2), ends, validation=100)
    assert run.accuracies == [("best validation accuracy", 0.6, 100), ("test accuracy", 0.55, 32)]
    assert str(run.accuracies[1]) == f"test accuracy {percent(0.55)} of 32"
    record = run.to_json()
    assert (record["best_validation_accuracy"], record["last_validation_accuracy"]) == (0.6, 0.5)
    assert (record["best_test_accuracy"], record["last_test_accuracy"]) == (0.55, None)
    # As up to 0.5, where the article's way was the only one.
    run = run_with(runs_dir, "c", START, epoch(0.6, 1), epoch(0.5, 2), end())
    assert run.accuracies == [("best test accuracy", 0.6, 10_000)]
    record = run.to_json()
    assert (record["best_validation_accuracy"], record["last_validation_accuracy"]) == (None, None)
    assert (record["best_test_accuracy"], record["last_test_accuracy"]) == (0.6, 0.5)


def test_a_lost_start_event_does_not_turn_validation_into_test_accuracy(runs_dir: Path):
    validated = epoch(0.6) | {"split": "validation"}
    ends = end() | {"test_accuracy": 0.55, "test_images": 32}
    start = START | {"config": {"validation": 100}}
    run = run_with(runs_dir, "a", start, validated, ends, validation=100)
    _, *rest = run.events.read_text().splitlines(keepends=True)
    run.events.write_text("".join(['{"event": "start", "st\n', *rest]))
    run = Run(run.directory)
    expected = [("best validation accuracy", 0.6, 100), ("test accuracy", 0.55, 32)]
    assert run.accuracies == expected and run.history.eval_split == "validation"
    record = run.to_json()
    assert (record["best_validation_accuracy"], record["best_test_accuracy"]) == (0.6, 0.55)
    run.config_path.write_text("{")  # then nothing says of how many images it is
    run = Run(run.directory)
    assert run.accuracies == [("best validation accuracy", 0.6, 0), expected[1]]
    assert str(run.accuracies[0]) == f"best validation accuracy {percent(0.6)}"
    assert run.to_json()["last_test_accuracy"] is None


@pytest.mark.parametrize("split", ["odd", 7, None, ["test"]])
def test_an_odd_split_is_not_believed(runs_dir: Path, split: object):
    run = run_with(runs_dir, "a", START, epoch(0.6) | {"split": split}, validation=100)
    assert (run.eval_split, run.history.recorded_split) == ("validation", "")


def test_resuming_a_finished_run_withdraws_its_test_accuracy(runs_dir: Path):
    start = START | {"config": {"validation": 100}}
    ends = end() | {"test_accuracy": 0.55}
    events = [start, epoch(0.6, 1), ends, start | {"step": 5, "epochs_done": 1}]
    run = run_with(runs_dir, "a", *events, validation=100, epochs=2)
    assert run.history.test_accuracy is None


def test_runs_are_listed_newest_first_and_found_by_id_only(runs_dir: Path):
    assert list_runs() == []
    for name in ("20260101-000000-article-aa", "20260102-000000-quick-bb"):
        run_with(runs_dir, name)
    (runs_dir / "no-run").mkdir()
    assert [run.id[-2:] for run in list_runs()] == ["bb", "aa"]
    assert get_run("20260101-000000-article-aa")
    for wrong in ("", "..", "../runs/20260101-000000-article-aa", "no-run", ".locks", "a/b"):
        assert get_run(wrong) is None


@pytest.mark.parametrize("name", ["=a", "a b", ".hidden", "a\nb", "ä", "a" * 200])
def test_directories_whose_name_is_not_an_id_are_not_runs(runs_dir: Path, name: str):
    run_with(runs_dir, name)
    assert list_runs() == [] and get_run(name) is None
    assert get_run("a" * 5_000) is None and get_run("../a") is None


def test_the_current_run_is_not_one_that_failed_at_once(runs_dir: Path):
    assert current_run() is None
    run_with(runs_dir, "20260101-000000-quick-aa", end())
    run_with(runs_dir, "20260102-000000-quick-bb", ERROR)
    assert (run := current_run()) and run.id[-2:] == "aa"
    run_with(runs_dir, "20260103-000000-quick-cc", epoch(0.5), ERROR)
    assert (run := current_run()) and run.id[-2:] == "cc"


def test_the_best_run_has_the_highest_test_accuracy_of_those_with_weights(runs_dir: Path):
    assert best_run() is None
    for day, accuracy in enumerate((0.8, 0.9, 0.1), 1):
        run_with(runs_dir, f"2026010{day}-000000-quick-aa", epoch(accuracy)).best.touch()
    run_with(runs_dir, "20260104-000000-quick-aa", epoch(0.95))
    assert (run := best_run()) and run.best_accuracy == 0.9


def test_default_names_say_what_was_changed(runs_dir: Path):
    def name(**changes: Any) -> str:
        directory = runs_dir / "20260101-130500-quick-aa"
        prepare(directory, TrainConfig.from_recipe("quick", **changes))
        return Run(directory).name

    assert name() == "Quick look, 01 Jan 13:05"
    assert name(lr=0.05, device="cpu", precision="fp32") == "Quick look, lr 0.05, 01 Jan 13:05"
    assert "no nesterov, norm" in name(nesterov=False, norm=True)
    many = name(epochs=60, batch_size=16, lr=0.1, width=0.25, grow="0.5:0.5")
    assert many == "Quick look, epochs 60, batch size 16, lr 0.1, 2 more, 01 Jan 13:05"


def test_default_names_differ_within_a_minute(runs_dir: Path):
    for run_id in ("20260101-130500-a-aa", "20260101-130542-a-bb", "20260101-130600-a-cc"):
        run_with(runs_dir, run_id)
    assert [run.name[-8:] for run in list_runs()] == ["an 13:06", "13:05:42", "13:05:00"]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets this process's time zone."""
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone cannot be set")

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


AUCKLAND, LOS_ANGELES = "NZST-12", "PST+8"


def test_ids_are_in_utc_and_times_are_local(runs_dir: Path, zone: Callable[[str], None]):
    for name in (AUCKLAND, LOS_ANGELES):
        zone(name)
        run = Run(new_run_directory("quick"))
        stamp = datetime.strptime(run.id[:16], "%Y%m%d-%H%M%SZ").replace(tzinfo=UTC)
        assert abs((datetime.now(UTC) - stamp).total_seconds()) < 60
        assert (
            run.started == stamp
            and run.started.utcoffset() == datetime.now().astimezone().utcoffset()
        )
        assert run.default_name.endswith(f"{stamp.astimezone():%d %b %H:%M}")
        assert datetime.fromisoformat(run.to_json()["started"]) == stamp


def test_runs_are_ordered_by_their_first_event_in_any_zone(
    runs_dir: Path, zone: Callable[[str], None]
):
    """The id of a run of version 0.5 has the local time of the server that it was started on."""
    zone(LOS_ANGELES)
    first = run_with(runs_dir, "20260102-110000-quick-aa")  # started in Auckland
    second = run_with(runs_dir, "20260102-000500Z-quick-bb")
    for run, seconds in ((first, 1_000_000_000), (second, 1_000_000_300)):
        run.events.write_text(json.dumps({**START, "time": seconds}) + "\n")
    assert [run.id for run in list_runs()] == [second.id, first.id]
    assert first.default_name.endswith("02 Jan 11:00")  # as in version 0.5
    assert second.default_name.endswith("01 Jan 16:05")
    assert first.started.timestamp() == 1_000_000_000


def test_names_of_many_runs_scan_the_folder_once(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(20):
        run_with(runs_dir, f"20260101-13{number % 15:02}00-quick-{number:02}")
    runs, scans, iterdir = list_runs(), [], Path.iterdir

    def scan(path: Path) -> Iterator[Path]:
        scans.append(path)
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", scan)
    assert len({run.name for run in runs}) == 15
    assert sum(path == runs_dir for path in scans) == 1
    run_with(runs_dir, "20260101-130700-quick-zz")  # a new run counts at once
    assert Run(runs_dir / "20260101-130700-quick-07").name.endswith("13:07:00")


def test_settings_come_from_the_events_where_the_config_is_damaged(runs_dir: Path):
    settings = TrainConfig(epochs=7)
    run = run_with(runs_dir, "a", {**START, "config": settings.to_json()}, end())
    for name in ("config.json", "job.json", "label.json"):
        (run.directory / name).write_bytes(b'{"half\xff')
    damaged = Run(run.directory)
    assert damaged.config == settings and damaged.warning
    assert damaged.state == "finished" and damaged.name
    damaged.events.unlink()
    assert Run(run.directory).config == TrainConfig()


def test_a_run_from_elsewhere_is_shown_as_far_as_possible(runs_dir: Path):
    """Each of these once broke the list of runs, or the page."""
    run = run_with(runs_dir, "a")
    event = {"event": "start", "time": 9e14, "step": 0, "config": {"epochs": [1]}}
    run.events.write_text(json.dumps(event) + "\n")
    write_json(run.job_path, {"pid": 10**30, "started": 1, "marks": "x"})
    write_json(run.label_path, {"name": "a\n\u202e=b" + "c" * 200, "note": 7})
    run.request_path.write_bytes(b"\xff")
    (run,) = list_runs()
    assert run.state == "interrupted" and not run.stopped_early and run.started
    assert run.name.startswith("a =bc") and len(run.name) == MAX_NAME
    assert run.note == "" and run.request == ""
    assert json.dumps(run.to_json())
