"""Measured speeds of this machine, for all sessions: each with its age and the load beside it."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import streamlit as st

from alexnet_demo.common.access import Role
from alexnet_demo.common.machine import CpuMeter
from alexnet_demo.common.text import memory, one_line, without_folders
from alexnet_demo.jobs import lr_tests, processes
from alexnet_demo.runs.store import active_runs
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import Speed, measured_settings
from alexnet_demo.ui.widgets import access

_log = logging.getLogger(__name__)

RETRY_SECONDS = 30  # age at which a failed measurement is repeated
SETTLE_SECONDS = 60  # age from which a measurement is repeated if the load has changed
LOAD_CHANGE = 0.3  # by this share of all processors
DEVICES: dict[str, str] = {}  # id → name and memory, as the measurements so far listed them
UNUSABLE: dict[str, str] = {}  # id → why PyTorch cannot use it, as they told


@dataclass(frozen=True)
class Measurement:
    """Speeds at the widths of a run, or an error.

    Attributes:
        other_load: share of the processors, 0 to 1, that other programs used meanwhile.
        during_run: whether a run of this app trained meanwhile.
        at: when it ended, on the clock of `time.monotonic`.
    """

    speeds: tuple[Speed, ...] = ()
    error: str = ""
    other_load: float = 0.0
    during_run: bool = False
    at: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds since it ended."""
        return time.monotonic() - self.at


class _RecentLoad:
    """Share of the processors in use over the last seconds, from readings that sessions share."""

    MIN_SECONDS, MAX_SECONDS = 5.0, 120.0

    def __init__(self) -> None:
        self._lock = Lock()
        self.restart()

    def restart(self) -> None:
        """Forget the load so far, which a measurement caused itself."""
        with self._lock:
            self._meter, self._at = CpuMeter(), time.monotonic()
            self._share: float | None = None

    def read(self) -> float | None:
        """The share, 0 to 1; None if the last reading was too long ago to tell."""
        with self._lock:
            elapsed = time.monotonic() - self._at
            if elapsed >= self.MIN_SECONDS:
                busy, total = self._meter.read()
                known = total > 0 and elapsed <= self.MAX_SECONDS
                self._share, self._at = busy / total if known else None, time.monotonic()
            return self._share


class _Machine:
    """What all sessions share: one measurement at a time, and when all became outdated."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1, "probe")
        self.recent_load = _RecentLoad()
        self.outdated_at = 0.0
        self.measuring = False

    def measure(self, settings: TrainConfig, role: Role) -> Measurement:
        """Speeds at the widths of a run; an error whatever fails, so that it can be repeated."""
        self.measuring = True
        try:
            return self._measure(settings, role)
        except Exception as error:  # such as a field that only the code of an update knows
            _log.warning("The measurement failed.", exc_info=True)
            reason = without_folders(one_line(f"{type(error).__name__}: {error}")).rstrip(".")
            return Measurement(
                error=f"This machine could not be measured ({reason}). Restart the server if it "
                "was updated."
            )
        finally:
            self.recent_load.restart()
            self.measuring = False

    @staticmethod
    def _measure(settings: TrainConfig, role: Role) -> Measurement:
        before = bool(active_runs())
        record = processes.probe(settings, role=role)
        if not (record.get("speeds") or record.get("error")):
            raise ValueError("no speeds")
        for device in record.get("devices", ()):
            if problem := device.get("problem"):
                UNUSABLE[device["id"]] = problem
                DEVICES.pop(device["id"], None)
            else:
                DEVICES[device["id"]] = f"{device['name']} ({memory(device['memory'])})"
                UNUSABLE.pop(device["id"], None)
        return Measurement(
            tuple(Speed(**speed) for speed in record.get("speeds", ())),
            record.get("error", ""),
            record.get("other_load", 0.0),
            before or bool(active_runs()),
        )

    def is_outdated(self, measurement: Measurement) -> bool:
        """Whether the machine may be faster or slower by now, and can be measured."""
        if measurement.at < self.outdated_at:
            return True
        if measurement.error:
            return measurement.age > RETRY_SECONDS
        if self.measuring or not (measurement.during_run or self._load_changed(measurement)):
            return False
        # A new run begins when the active one has ended, so one now would mislead.
        return not (active_runs() or lr_tests.running_lr_test())

    def _load_changed(self, measurement: Measurement) -> bool:
        if measurement.speeds[-1].device != "cpu" or measurement.age < SETTLE_SECONDS:
            return False
        load = self.recent_load.read()
        return load is not None and abs(load - measurement.other_load) > LOAD_CHANGE


_machine = _Machine()


class _Slot:
    """The newest measurement for some settings, and the next one while it is under way."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._latest: Measurement | None = None
        self._next: Future[Measurement] | None = None

    def update(self, settings: TrainConfig, role: Role) -> tuple[Measurement | None, bool]:
        """The newest measurement, and whether one is under way; begins one where needed."""
        with self._lock:
            if self._next and self._next.done():
                self._latest, self._next = self._next.result(), None
            latest = self._latest
            if self._next is None and (latest is None or _machine.is_outdated(latest)):
                self._next = _machine.pool.submit(_machine.measure, settings, role)
            return latest, self._next is not None


@st.cache_resource(max_entries=64, show_spinner=False)
def _slot(key: object) -> _Slot:
    return _Slot()


def measure(settings: TrainConfig) -> tuple[Measurement | None, bool]:
    """The newest measurement for these settings, and whether one is under way.

    The newest one stays while another replaces it: after a failure, when the load has changed, or
    when a run that slowed it has ended.
    """
    role = access.role()
    return _slot((role, *measured_settings(settings))).update(settings, role)


def measure_again() -> None:
    """Have every measurement so far replaced when it is next needed."""
    _machine.outdated_at = time.monotonic()
