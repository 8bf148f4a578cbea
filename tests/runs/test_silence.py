"""A trainer that is stopped or hangs is noticed, and one that is slow is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.runs import silence, state
from alexnet_demo.runs.history import NUMBERS
from alexnet_demo.runs.process_info import register
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.silence import find_silence
from alexnet_demo.runs.state import ACTIVE, State
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import paths
from tests.support.fake_trainer import ENDLESS
from tests.support.pages import open_page, page_text
from tests.support.runs import tiny_config
from tests.support.waiting import wait_for

NAME = "20260101-000000-quick-aa"


@pytest.fixture
def trainer(runs_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A trainer of the run `NAME` that has trained some batches."""
    run = Run(runs_dir / NAME)
    prepare(run.directory, ENDLESS)
    command = [sys.executable, "-m", "tests.support.fake_trainer", "--run-dir", str(run.directory)]
    process = subprocess.Popen(command, cwd=paths.ROOT)
    try:
        wait_for(lambda: len(run.history.batches) > 5, "it does not train")
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process")
def test_a_stopped_trainer_is_noticed_on_the_page_and_in_the_list(
    runs_dir: Path, trainer: subprocess.Popen[bytes]
):
    run = Run(runs_dir / NAME)
    trainer.send_signal(signal.SIGSTOP)
    found = wait_for(lambda: run.silence, "not noticed")
    assert run.state == "running" and found.seconds >= 5
    assert str(found).startswith("No sign of life for") and f"-CONT {trainer.pid}" in found.advice
    command = [sys.executable, "-m", "alexnet_demo", "runs"]
    text, record = (
        subprocess.run([*command, *option], cwd=paths.ROOT, capture_output=True, text=True).stdout
        for option in ([], ["--json"])
    )
    assert "No sign of life for" in text and json.loads(record)["silent_seconds"] >= 5
    at = open_page("pages/1_Train.py")
    assert "No sign of life for" in page_text(at)
    assert any("No sign of life for" in caption.value for caption in at.sidebar.caption)
    trainer.send_signal(signal.SIGCONT)
    wait_for(lambda: run.silence is None, "it counts as silent for ever")


def running(runs_dir: Path, *events: tuple[str, float, dict[str, Any]]) -> Run:
    """A run in training with these events: kind, seconds ago, and other fields."""
    run = Run(runs_dir / NAME)
    prepare(run.directory, tiny_config())
    lines = []
    for kind, ago, fields in events:
        numbers = dict.fromkeys(NUMBERS[kind], 1.0)
        lines.append({"event": kind, "time": time.time() - ago, **numbers, **fields})
    run.events.write_text("".join(json.dumps(line) + "\n" for line in lines))
    register(run.directory, os.getpid())
    write_json(run.job_path, {**read_json(run.job_path), "marks": 0})
    return run


def batches(count: int, interval: float, silent: float) -> list[tuple[str, float, dict[str, Any]]]:
    """Batch events at these intervals in seconds, the last one so long ago."""
    agos = [silent + interval * (count - 1 - n) for n in range(count)]
    return [("batch", ago, {"step": n, "epoch": 0.01 * (n + 1)}) for n, ago in enumerate(agos)]


START = ("start", 9_000.0, {"step": 0})
CHECKPOINT = ("checkpoint", 8_000.0, {"step": 0})


@pytest.mark.parametrize(
    ("events", "silent"),
    [
        ([("start", 290.0, {})], False),  # loads the data and compiles
        ([("start", 200.0, {})], False),
        ([START, *batches(2, 1, 200)], False),  # the first batches may take long
        ([START, *batches(30, 0.5, 20)], False),
        ([START, *batches(30, 0.5, 50)], False),  # the first checkpoint may take long
        ([START, *batches(30, 0.5, 400)], True),
        ([START, ("batch", 8_001.0, {}), CHECKPOINT, *batches(30, 0.5, 50)], True),
        ([START, ("batch", 8_040.0, {}), CHECKPOINT, *batches(30, 0.5, 150)], False),  # slow disk
        ([START, *batches(30, 40, 150)], False),  # 40 s a step
        ([START, *batches(30, 40, 250)], True),
        ([START, *batches(30, 0.5, 300), ("test", 1, {})], False),  # evaluation
        ([START, *batches(30, 0.5, 300), ("grow", 100, {})], False),  # slower, and compiles anew
    ],
)
def test_silence_is_many_usual_intervals(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, events: list, silent: bool
):
    monkeypatch.setattr(silence.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    assert (find_silence(running(runs_dir, *events)) is not None) == silent


def test_a_busy_machine_has_more_time(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    run = running(runs_dir, START, *batches(30, 0.5, 100))
    processors = os.cpu_count() or 1
    for load, expected in ((0.0, True), (4.0, False)):
        monkeypatch.setattr(silence.os, "getloadavg", lambda load=load: (load * processors,) * 3)
        assert (run.silence is not None) == expected


@pytest.mark.parametrize(
    ("job", "named", "unnamed"),
    [
        ({"ray": "job-7"}, ["job-7", "Ray"], ["None"]),
        ({"ray": "job-7", "pid": 7, "host": "there"}, ["job-7"], ["(7)"]),
        ({"pid": 7, "host": "there"}, ["(7)", "there"], []),
        ({"pid": "<b>**7**"}, ["process"], ["None", "<b>"]),
    ],
)
def test_the_advice_names_what_to_end_and_where(
    runs_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    job: dict[str, Any],
    named: list[str],
    unnamed: list[str],
):
    run = running(runs_dir, START, *batches(30, 0.5, 8_000))
    write_json(run.job_path, {**job, "marks": 0})
    monkeypatch.setattr(state, "is_alive", lambda *_: True)
    monkeypatch.setattr(silence, "ACTIVE", (*ACTIVE, State.QUEUED))  # by the cluster
    found = find_silence(run)
    assert found and all(word in found.advice for word in named)
    assert not any(word in found.advice for word in unnamed)


def test_the_page_shows_the_advice_as_plain_text(runs_dir: Path, monkeypatch: pytest.MonkeyPatch):
    run = running(runs_dir, START, *batches(30, 0.5, 8_000))
    write_json(run.job_path, {"pid": 7, "host": "**there**", "marks": 0})
    monkeypatch.setattr(state, "is_alive", lambda *_: True)
    warnings = [warning.value for warning in open_page("pages/1_Train.py").warning]
    assert any(r"\*\*there\*\*" in text for text in warnings)


def test_a_run_that_has_ended_is_not_silent(runs_dir: Path):
    assert running(runs_dir, START, ("end", 8_000.0, {"reason": "finished"})).silence is None
