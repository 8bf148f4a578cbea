"""Fixtures of tests that start processes; none outlives its test."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from alexnet_demo.common.files import read_json
from alexnet_demo.runs import locks
from tests.support import fake_trainer


def kill(directory: Path) -> None:
    """Kill the process registered in a directory, if there is one, but never this one."""
    pid = read_json(directory / "job.json").get("pid")
    if pid and pid != os.getpid():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(autouse=True)
def _no_process_left(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    runs_dir.mkdir()
    monkeypatch.setattr(locks, "LAUNCH_SECONDS", 120)  # a busy machine is no error here
    yield
    for job in sorted(runs_dir.glob("**/job.json")):
        kill(job.parent)


@pytest.fixture
def fake_trainers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fake trainers in place of real ones."""
    monkeypatch.setattr(sys, "executable", fake_trainer.interpreter(tmp_path))
