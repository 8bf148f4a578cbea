"""`torch.compile` of the network in training: on request, or where `doctor` measured a gain.

What was measured is in ``runs/.compilation.json``, by device and version of PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.network import device as devices
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.schedule import stages

MODES = {"on": "default", "graphs": "reduce-overhead"}
"""The mode of `torch.compile` for each setting; ``reduce-overhead`` replays CUDA graphs."""
LEAST_GAIN = 1.05
"""How many times as fast a whole run must be, with the time that compiling takes."""


@dataclass(frozen=True)
class Measurement:
    """The article's network, compiled or not.

    Attributes:
        step_seconds: of a training step.
        compile_seconds: of the first step, which compiles; of any other if not compiled.
    """

    step_seconds: float
    compile_seconds: float


def compile_model(model: nn.Module, compilation: str) -> nn.Module:
    """The model as a setting other than ``auto`` has it; compiled, it shares the parameters."""
    if compilation == "off":
        return model
    # Each shape on its own: there are two, since an epoch's last batch may be smaller.
    return torch.compile(model, mode=MODES[compilation], dynamic=False)  # type: ignore[return-value]


def choose_compilation(config: TrainConfig, device: torch.device) -> str:
    """``off``, ``on``, or ``graphs``; ``auto`` is ``off`` where nothing was measured."""
    if config.compile != "auto":
        return config.compile
    measured = read(device)
    if not {"off"} < measured.keys():
        return "off"
    # The network is compiled anew at each width.
    seconds = {
        name: config.total_steps * m.step_seconds + len(stages(config)) * m.compile_seconds
        for name, m in measured.items()
    }
    best = min(seconds, key=lambda name: seconds[name])
    return best if seconds["off"] >= LEAST_GAIN * seconds[best] else "off"


def read(device: torch.device) -> dict[str, Measurement]:
    """What was measured on this device with this PyTorch, by setting; empty if nothing was."""
    if not (records := read_json(_path())):
        return {}  # without asking the GPU for its name
    record = records.get(_key(device))
    try:
        return {name: Measurement(**values) for name, values in dict(record or {}).items()}
    except (TypeError, ValueError):  # written by another version
        return {}


def write(device: torch.device, measured: Mapping[str, Measurement]) -> None:
    """Keep what was measured on this device, in place of what was before.

    Raises:
        OSError: when it cannot be written.
    """
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    records = {name: asdict(measurement) for name, measurement in measured.items()}
    write_json(path, {**read_json(path), _key(device): records})


def _path() -> Path:
    return paths.RUNS_DIR / ".compilation.json"


def _key(device: torch.device) -> str:
    return f"{devices.info(device).name}, PyTorch {torch.__version__}"
