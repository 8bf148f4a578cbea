"""`torch.compile`: on request, or where a measurement of this device promises a gain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from alexnet_demo.data.splits import load_split
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import compilation
from alexnet_demo.training.compilation import Measurement, choose_compilation
from alexnet_demo.training.engine import Engine
from tests.support.runs import tiny_config

CPU = torch.device("cpu")
# A run of 100 steps at one width
CONFIG = TrainConfig(epochs=10, train_samples=1280, device="cpu")
EAGER = Measurement(step_seconds=1.0, compile_seconds=1.0)


@pytest.mark.parametrize(
    ("measured", "chosen"),
    [
        ({}, "off"),
        ({"off": EAGER}, "off"),
        ({"on": Measurement(0.1, 0.1)}, "off"),  # nothing to compare with
        ({"off": EAGER, "on": Measurement(0.97, 1.0)}, "off"),
        ({"off": EAGER, "on": Measurement(0.9, 1.0)}, "on"),
        ({"off": EAGER, "on": Measurement(0.9, 60.0)}, "off"),  # longer than the run gains
        ({"off": EAGER, "on": Measurement(0.9, 1.0), "graphs": Measurement(0.5, 9.0)}, "graphs"),
    ],
)
def test_auto_compiles_only_where_the_whole_run_gains(
    runs_dir: Path, measured: dict[str, Measurement], chosen: str
):
    compilation.write(CPU, measured)
    assert choose_compilation(CONFIG, CPU) == chosen
    for requested in ("off", "on", "graphs"):
        config = TrainConfig(**{**CONFIG.to_json(), "compile": requested})
        assert choose_compilation(config, CPU) == requested


def test_a_growing_run_compiles_at_each_width(runs_dir: Path):
    compilation.write(CPU, {"off": EAGER, "on": Measurement(0.8, 9.0)})
    growing = TrainConfig(**{**CONFIG.to_json(), "grow": "0.25:0.5,0.5:0.3"})
    assert (choose_compilation(CONFIG, CPU), choose_compilation(growing, CPU)) == ("on", "off")


def test_a_measurement_is_of_a_device_and_a_version_of_pytorch(runs_dir: Path, monkeypatch):
    assert compilation.read(CPU) == {}
    measured = {"off": EAGER, "on": Measurement(0.5, 1.0)}
    compilation.write(CPU, measured)
    assert compilation.read(CPU) == measured
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "9.0")
        assert compilation.read(CPU) == {}
        compilation.write(CPU, {"off": EAGER})
    assert compilation.read(CPU) == measured


@pytest.mark.parametrize("text", ["", "[]", '{"KEY": 3}', '{"KEY": {"on": {"speed": 1}}}'])
def test_a_damaged_measurement_counts_as_none(runs_dir: Path, text: str):
    compilation.write(CPU, {})
    compilation._path().write_text(text.replace("KEY", compilation._key(CPU)))
    assert compilation.read(CPU) == {}
    assert choose_compilation(CONFIG, CPU) == "off"


class Compiled(nn.Module):
    """As `torch.compile` wraps a module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._orig_mod, self.calls = module, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self._orig_mod(x)


def test_a_compiled_network_trains_and_is_saved_under_the_same_names(monkeypatch):
    options: list[dict[str, Any]] = []

    def compile_(module, **named):
        options.append(named)
        return Compiled(module)

    monkeypatch.setattr(torch, "compile", compile_)
    data = load_split(train=True).head(8)
    plain, compiled = Engine(tiny_config(compile="off")), Engine(tiny_config(compile="graphs"))
    for engine in (plain, compiled):
        engine.step(data, torch.arange(8), 0, 0.1)
    assert options == [{"mode": "reduce-overhead", "dynamic": False}]
    assert compiled._parallel.calls == 1
    one, other = plain.model.state_dict(), compiled.model.state_dict()
    assert list(one) == list(other)
    assert all(torch.equal(one[name], other[name]) for name in one)
    compiled.test(data, slice(0, 8))  # not compiled: its batches have other shapes
    assert compiled._parallel.calls == 1


@pytest.mark.slow
def test_a_really_compiled_step_equals_the_plain_one():
    """Needs a C++ compiler; dropout would draw other numbers."""
    data = load_split(train=True).head(8)
    plain, compiled = (
        Engine(tiny_config(compile=mode, dropout=0.0, norm=True)) for mode in ("off", "on")
    )
    for engine in (plain, compiled):
        engine.step(data, torch.arange(8), 0, 0.01)
    other = compiled.model.state_dict()
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(other[name], value, rtol=1e-3, atol=1e-4)
