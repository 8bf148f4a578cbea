"""Measurements of this machine, shared by all visitors."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

import streamlit as st

from alexnet_demo.common.access import READ_ONLY, Role
from alexnet_demo.common.text import memory
from alexnet_demo.jobs import processes
from alexnet_demo.runs.store import active_runs
from alexnet_demo.settings.config import TrainConfig, stages
from alexnet_demo.ui.widgets import access

RETRY_SECONDS = 30


class Probes:
    """Measurements, one at a time, each kept for whoever asks for the same."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "probe")
        self._found: dict[tuple[object, ...], Future[dict[str, Any]]] = {}
        self._lock = Lock()

    def ask(self, settings: TrainConfig, role: Role = READ_ONLY) -> dict[str, Any] | None:
        """What `local_jobs.probe` found for such settings; None while it still measures.

        A failure is kept for `RETRY_SECONDS`, then tried again.
        """
        s = settings
        widths = tuple(dict.fromkeys(stage.width for stage in stages(s)))
        key = (role, s.device, s.precision, widths, min(s.batch_size, 1024), s.momentum > 0)
        with self._lock:
            future = self._found.get(key)
            if future is None or _outdated(future):
                future = self._found[key] = self._pool.submit(_timed_probe, settings, role)
            while len(self._found) > 64:
                self._found.pop(next(iter(self._found)))
        return future.result() if future.done() else None

    def devices(self) -> dict[str, str]:
        """Devices found so far, id → name with memory."""
        with self._lock:
            done = [f.result() for f in self._found.values() if f.done()]
        return {
            device["id"]: f"{device['name']} ({memory(device['memory'])})"
            for found in done
            for device in found.get("devices", ())
        }


def _timed_probe(settings: TrainConfig, role: Role) -> dict[str, Any]:
    trains = bool(active_runs())
    found = processes.probe(settings, role=role)
    return {**found, "at": time.monotonic(), "beside": trains or bool(active_runs())}


def _outdated(future: Future[dict[str, Any]]) -> bool:
    """Whether this is a failure of some time ago, or was measured beside a training now over."""
    if not future.done():
        return False
    found = future.result()
    if "error" in found:
        return time.monotonic() - found["at"] > RETRY_SECONDS
    return found["beside"] and not active_runs()


@st.cache_resource
def _shared() -> Probes:
    return Probes()


def ask(settings: TrainConfig) -> dict[str, Any] | None:
    """See `Probes.ask`."""
    return _shared().ask(settings, access.role())


def devices() -> dict[str, str]:
    """See `Probes.devices`."""
    return _shared().devices()
