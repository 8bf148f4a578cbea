"""Waiting for what happens in other processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from alexnet_demo.jobs import actions
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import get_run
from alexnet_demo.settings import config

T = TypeVar("T")
PATIENCE = 300
"""Seconds to wait before a test fails: slow is not wrong, and a busy machine may be very slow."""


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in a thread of its own: browser tests leave a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def wait_for(condition: Callable[[], Any], otherwise: str) -> Any:
    """Poll until the condition holds and return its value; fail once patience ends."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError(otherwise)


def begun(settings: config.TrainConfig) -> Run:
    """A run that the app was asked to start: it trains, or waits its turn."""
    outcome = actions.start(settings)
    assert outcome.done, outcome.message
    run = get_run(str(outcome.run_id))
    assert run
    return run


def reach(run: Run, state: str) -> None:
    """Wait until a run is in that state."""
    wait_for(lambda: run.state == state, f"not {state} but {run.state}: {run.log_tail()}")
