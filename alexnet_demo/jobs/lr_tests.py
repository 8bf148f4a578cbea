"""Learning-rate range tests, each in a process of its own; only the last one's results are kept."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass

import psutil

from alexnet_demo.common.access import READ_ONLY, Outcome, Role, has_access
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.common.files import children, read_bytes, read_json, read_text
from alexnet_demo.jobs import processes
from alexnet_demo.jobs.action import action
from alexnet_demo.runs.devices import conflict, is_free
from alexnet_demo.runs.events import parse_lines
from alexnet_demo.runs.problems import failure_message
from alexnet_demo.runs.process_info import is_alive
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig

LR_TESTS = ".lr-find"  # folder under runs/


@dataclass(frozen=True)
class LrTest:
    """Progress of a learning-rate range test.

    Attributes:
        trials: records with ``lr``, ``loss``, and ``smoothed``, see `lr_range_test.Trial`.
        suggestion: the learning rate to use; None until the test is done.
        error: why it failed, in one sentence; empty where it did not.
    """

    trials: list[dict[str, float]]
    suggestion: float | None
    running: bool
    error: str


@action("The test could not be started")
def start_lr_test(settings: TrainConfig, *, role: Role = READ_ONLY) -> Outcome:
    """Start ``train --lr-find`` with these settings; `read_lr_test` takes the outcome's id."""
    if running_lr_test():
        raise ConfigError("A learning-rate test is already running: wait for its result.")
    if not is_free(settings):
        raise conflict(settings)
    folder = paths.RUNS_DIR / LR_TESTS
    shutil.rmtree(folder, ignore_errors=True)  # the test before
    directory = folder / secrets.token_hex(4)
    processes.launch([*settings.command(), "--lr-find", "--json"], directory, "trials.jsonl")
    return Outcome(True, "Testing learning rates.", directory.name)


def read_lr_test(test_id: str) -> LrTest | None:
    """Progress of a test; None where another has replaced it."""
    directory = paths.RUNS_DIR / LR_TESTS / test_id
    running = is_alive(directory)  # before the files, since a process writes before it exits
    try:
        text = read_bytes(directory / "trials.jsonl")
    except OSError:
        return None
    records = list(parse_lines(text[: text.rfind(b"\n") + 1].split(b"\n")))
    trials = [record for record in records if "lr" in record]
    suggestion = next((r["suggested_lr"] for r in records if "suggested_lr" in r), None)
    error = ""
    if not running and suggestion is None:
        error = (
            failure_message(read_text(directory / "train.log"))
            or "The test was killed or ran out of memory."
        )
    return LrTest(trials, suggestion, running, error)


def running_lr_test() -> str | None:
    """The id of the running test, which any process may have started."""
    tests = children(paths.RUNS_DIR / LR_TESTS)
    return next((test.name for test in tests if is_alive(test)), None)


def stop_lr_test(test_id: str | None = None, *, role: Role = READ_ONLY) -> None:
    """Kill and delete the running test, or only the one with that id."""
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
