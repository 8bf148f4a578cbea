"""Fixtures of the page tests."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alexnet_demo.common import machine
from alexnet_demo.jobs import processes
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.cost import Speed
from alexnet_demo.settings.schedule import stages
from alexnet_demo.ui.train import measurement
from alexnet_demo.ui.train.measurement import Measurement

SLOW: dict[str, Any] = {
    "device": "cpu",
    "device_name": "Slow CPU",
    "precision": "fp32",
    "seconds_per_image": 0.05,
    "seconds_per_update": 0.1,
    "test_seconds_per_image": 0.02,
    "parameters": 46_764_746,
    "parameter_bytes": 374_000_000,
    "activation_bytes_per_image": 5_000_000,
    "base_bytes": 500_000_000,
}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of known speed without a GPU, faster for narrower networks."""

    def measure(settings: TrainConfig) -> tuple[Measurement, bool]:
        return Measurement(tuple(at(stage.width) for stage in stages(settings))), False

    def at(width: float) -> Speed:
        per_image = {k: v * width**1.66 for k, v in SLOW.items() if k.endswith("_image")}
        return Speed(**SLOW | per_image | {"width": width})

    monkeypatch.setattr(measurement, "measure", measure)
    monkeypatch.setattr(measurement, "DEVICES", {"cpu": "Slow CPU (8.0 GB)"})
    monkeypatch.setattr(machine, "has_gpu", lambda: False)


@pytest.fixture
def recorded_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for recorded runs."""
    monkeypatch.setattr(paths, "RECORDED_DIR", tmp_path / "recorded")
    return tmp_path / "recorded"


@pytest.fixture(autouse=True)
def backend_choices(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The weights files for which a backend would be chosen, which takes long."""
    weights: list[Path] = []

    def choose(path: Path) -> Any:
        weights.append(path)
        return SimpleNamespace(poll=lambda: 0)  # it has ended

    monkeypatch.setattr(processes, "choose_backend", choose)
    return weights
