"""Measurements of the machine for the estimate: age, load, and when they are taken anew."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
import streamlit as st

from alexnet_demo.jobs import lr_tests, processes
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import Speed, measured_settings
from alexnet_demo.ui.train import measurement
from alexnet_demo.ui.train.measurement import Measurement
from tests.support.waiting import wait_for

SPEED = Speed(1.0, "cpu", "a CPU", "fp32", 0.01, 0.1, 0.004, 250, 1_000, 10, 500)
SETTINGS = TrainConfig()


class Machine:
    """What `processes.probe` returns, the load between two measurements, and the active runs."""

    def __init__(self) -> None:
        self.probed: list[TrainConfig] = []
        self.record: dict[str, Any] = {"speeds": [asdict(SPEED)], "other_load": 0.0}
        self.load: float | None = 0.0
        self.runs: list[object] = []

    def probe(self, settings: TrainConfig, **_: Any) -> dict[str, Any]:
        self.probed.append(settings)
        return self.record


@pytest.fixture
def machine(runs_dir: Any, monkeypatch: pytest.MonkeyPatch) -> Machine:
    fake = Machine()
    monkeypatch.setattr(processes, "probe", fake.probe)
    monkeypatch.setattr(measurement, "active_runs", lambda: fake.runs)
    monkeypatch.setattr(lr_tests, "running_lr_test", lambda: None)
    monkeypatch.setattr(measurement._machine.recent_load, "read", lambda: fake.load)
    monkeypatch.setattr(measurement, "SETTLE_SECONDS", 0.0)
    st.cache_resource.clear()
    return fake


def settled(settings: TrainConfig = SETTINGS) -> Measurement:
    """The newest measurement, once none is under way."""

    def done() -> Measurement | None:
        latest, pending = measurement.measure(settings)
        return None if pending else latest

    return wait_for(done, "no measurement")


def test_each_set_of_widths_is_measured_once(machine):
    for grow in ("", "0.5:0.5", "0.5:0.1", "0.25:0.5"):
        settled(TrainConfig(grow=grow))
    assert [s.grow for s in machine.probed] == ["", "0.5:0.5", "0.25:0.5"]  # shares change nothing


@pytest.mark.parametrize(
    "change",
    [
        {"norm": True},
        {"drawings": 0.2},
        {"photos": 0.2},
        {"flip": True},
        {"shift": 1},
        {"erase": 0.5},
        {"momentum": 0.9},
        {"precision": "bf16"},
        {"memory_format": "contiguous"},
        {"batch_size": 64},
        {"width": 0.5},
    ],
)
def test_what_a_step_does_is_measured_anew(change: dict[str, Any]):
    other = measured_settings(replace(SETTINGS, **change))
    assert other != measured_settings(SETTINGS)
    assert other == measured_settings(replace(SETTINGS, **change, epochs=3, lr=0.5, seed=7))


def test_values_of_about_the_same_cost_are_measured_once():
    settings = TrainConfig(shift=1, drawings=0.3, photos=0.1)
    key = measured_settings(settings)
    assert measured_settings(replace(settings, shift=2, drawings=0.32, photos=0.14)) == key
    assert measured_settings(replace(settings, drawings=0.4)) != key
    assert measured_settings(replace(settings, photos=0.0)) != key
    assert measured_settings(replace(SETTINGS, drawings=0.01)) != measured_settings(SETTINGS)


def test_devices_that_cannot_be_used_are_listed_with_the_reason(machine, monkeypatch):
    for name in ("DEVICES", "UNUSABLE"):
        monkeypatch.setattr(measurement, name, {})
    machine.record["devices"] = [
        {"id": "cuda:0", "name": "GPU", "memory": 0, "problem": "its driver is too old"},
        {"id": "cpu", "name": "a CPU", "memory": 2e9, "problem": ""},
    ]
    settled()
    assert list(measurement.DEVICES) == ["cpu"]
    assert measurement.UNUSABLE == {"cuda:0": "its driver is too old"}
    machine.record["devices"][0]["problem"] = ""
    measurement.measure_again()
    settled()
    assert set(measurement.DEVICES) == {"cpu", "cuda:0"} and not measurement.UNUSABLE


def test_a_failed_measurement_is_cached_then_retried(machine, monkeypatch):
    machine.record = {"error": "No such device."}
    for _ in range(20):
        assert settled().error == "No such device."
    assert len(machine.probed) == 1
    monkeypatch.setattr(measurement, "RETRY_SECONDS", 0.0)
    measurement.measure(SETTINGS)
    wait_for(lambda: len(machine.probed) > 1, "no second measurement")


@pytest.mark.parametrize(
    "record",
    [
        {"speeds": [asdict(SPEED) | {"new_field": 1}]},
        {"speeds": [{}]},
        {"speeds": []},
        {},
        [],
        {"speeds": [asdict(SPEED)], "devices": [{}]},
    ],
)
def test_a_record_that_cannot_be_read_is_an_error_and_is_measured_again(machine, record):
    machine.record, good = record, machine.record
    failed = settled()
    assert failed.error.endswith(".") and not failed.speeds
    assert settled() is failed
    machine.record = good
    measurement.measure_again()
    assert settled().speeds == (SPEED,)


def test_measure_again_replaces_every_measurement_and_shows_the_old_one_meanwhile(machine):
    first = settled()
    measurement.measure_again()
    latest, pending = measurement.measure(SETTINGS)
    assert latest is first and pending
    assert settled().at > first.at and len(machine.probed) == 2


def load_rises(machine: Machine) -> None:
    machine.load = 0.9


def load_falls(machine: Machine) -> None:
    machine.record["other_load"], machine.load = 0.8, 0.1


@pytest.mark.parametrize("change", [load_rises, load_falls])
def test_a_change_of_load_calls_for_another_measurement(machine, change):
    if change is load_falls:
        machine.record["other_load"] = machine.load = 0.8
    first = settled()
    assert settled() is first
    change(machine)
    machine.record["other_load"] = machine.load
    assert settled().at > first.at and len(machine.probed) == 2


def test_a_change_of_load_waits_for_the_measurement_to_settle(machine, monkeypatch):
    monkeypatch.setattr(measurement, "SETTLE_SECONDS", 1e6)
    first = settled()
    machine.load = 0.9
    assert settled() is first


def test_the_load_of_processors_does_not_matter_on_a_gpu(machine):
    machine.record["speeds"] = [asdict(SPEED) | {"device": "cuda:0"}]
    first = settled()
    machine.load = 0.9
    assert settled() is first


def test_a_measurement_beside_a_run_is_replaced_when_the_run_ends(machine):
    machine.runs = [object()]
    first = settled()
    assert first.during_run
    machine.load = 0.9
    assert settled() is first, "measured again while the run trains"
    machine.runs, machine.load = [], 0.0
    assert not settled().during_run and len(machine.probed) == 2


def test_the_recent_load_is_unknown_after_a_long_pause(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(measurement.time, "monotonic", lambda: clock[0])
    load = measurement._RecentLoad()
    monkeypatch.setattr(load._meter, "read", lambda: (3.0, 4.0))
    assert load.read() is None, "no time has passed"
    clock[0] += load.MIN_SECONDS
    assert load.read() == 0.75
    clock[0] += load.MAX_SECONDS + 1
    assert load.read() is None
    clock[0] += load.MIN_SECONDS
    assert load.read() == 0.75
