"""Learning-rate tests as processes of their own: started, watched, ended. Imports no torch."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

from alexnet_demo.common.access import READ_ONLY, RESTRICTED, Outcome, Role, has_access
from alexnet_demo.common.files import parse_json, read_json
from alexnet_demo.jobs import processes
from alexnet_demo.runs.devices import conflict, is_free
from alexnet_demo.runs.locks import launch_lock
from alexnet_demo.runs.process_info import is_alive
from alexnet_demo.runs.run import FAILURE
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig

LR_TESTS = ".lr-find"  # folder under runs/


@dataclass(frozen=True)
class LrTest:
    """How a learning-rate test stands.

    Attributes:
        trials: records with ``lr``, ``loss`` and ``smoothed``, see `lr_find.Trial`.
        suggestion: the learning rate to use, once it is known.
        error: why there is none, in one sentence; empty while it runs.
    """

    trials: list[dict[str, float]]
    suggestion: float | None
    running: bool
    error: str


def start_lr_test(settings: TrainConfig, *, role: Role = READ_ONLY) -> Outcome:
    """Start ``train --lr-find`` for these settings; `read_lr_test` takes the outcome's id."""
    if not has_access(role):
        return Outcome(False, RESTRICTED)
    folder = paths.RUNS_DIR / LR_TESTS
    try:
        with launch_lock():
            if running_lr_test():
                return Outcome(False, "A learning rate is being looked for already: wait for it.")
            if not is_free(settings.device):
                return Outcome(False, str(conflict(settings.device)))
            shutil.rmtree(folder, ignore_errors=True)  # those before it
            directory = folder / secrets.token_hex(4)
            directory.mkdir(parents=True)
            command = [*settings.command(), "--lr-find", "--json"]
            processes.launch(command, directory, "trials.jsonl")
    except OSError as error:
        return Outcome(False, f"The test could not be started: {error}.")
    return Outcome(True, "Trying learning rates.", directory.name)


def read_lr_test(test_id: str) -> LrTest | None:
    """How far a test has come; None where another one took its place."""
    directory = paths.RUNS_DIR / LR_TESTS / test_id
    running = is_alive(directory)  # looked at first: what a process wrote before its end is there
    try:
        lines = (directory / "trials.jsonl").read_text().splitlines(keepends=True)
        words = (directory / "train.log").read_text(errors="replace").strip().splitlines()
    except OSError:
        return None
    records = [_parsed(line) for line in lines if line.endswith("\n")]
    trials = [record for record in records if "lr" in record]
    suggestion = next((r["suggested_lr"] for r in records if "suggested_lr" in r), None)
    if running or suggestion is not None:
        return LrTest(trials, suggestion, running, "")
    said = [word for word in words if word.startswith(FAILURE)]
    killed = "The test was killed from outside or ran out of memory."
    return LrTest(trials, None, False, said[-1].removeprefix(FAILURE) if said else killed)


def _parsed(line: str) -> dict[str, Any]:
    """The object in a line; empty where it is damaged."""
    try:
        record = parse_json(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def running_lr_test() -> str | None:
    """The id of the test that runs now, whoever started it."""
    jobs = (paths.RUNS_DIR / LR_TESTS).glob("*/job.json")
    return next((job.parent.name for job in jobs if is_alive(job.parent)), None)


def stop_lr_test(test_id: str | None = None, *, role: Role = READ_ONLY) -> None:
    """End the test that runs, or only the one of that id; nothing of it is kept."""
    if not has_access(role):
        return
    running = running_lr_test()
    if running is None or test_id not in (None, running):
        return
    directory = paths.RUNS_DIR / LR_TESTS / running
    with suppress(psutil.Error, KeyError):
        process = psutil.Process(read_json(directory / "job.json")["pid"])
        process.kill()
        process.wait(5)
    shutil.rmtree(directory, ignore_errors=True)
