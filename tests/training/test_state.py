"""The training state: saved from a GPU and restored to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alexnet_demo.network import checkpoint
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.state import TrainingState
from tests.support.fake_cuda import CUDA, fake_cuda, fake_split


def optimizer_tensors(engine: Engine) -> Iterator[Tensor]:
    for values in engine.optimizer.state.values():
        yield from (value for value in values.values() if isinstance(value, Tensor))


def test_a_state_goes_from_a_gpu_to_a_file_and_back(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fake tensors have no bytes: the file is kept in memory."""
    config = TrainConfig.from_recipe(
        "best",
        device="cuda",
        precision="bf16",
        memory_format="channels_last",
        width=0.0625,
        grow="",
    )
    run, files = Run(runs_dir / "gpu"), {}

    def save(path: Path, tensors: dict[str, Tensor], info: dict, keep: Path) -> None:
        assert {t.device for name, t in tensors.items() if "weight" in name} == {CUDA}
        files[path] = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}, info

    monkeypatch.setattr(checkpoint, "save", save)
    monkeypatch.setattr(checkpoint, "load", files.__getitem__)
    with fake_cuda():
        indices, data = torch.arange(8, device=CUDA), fake_split(8)
        engine = Engine(config)
        engine.step(data, indices, 0, 0.1)
        TrainingState(epoch=1, step=1).save(run, engine)

        resumed = Engine(config)
        state = TrainingState.load(run.last, resumed)
        assert (state.epoch, state.step) == (1, 1)
        assert {t.device for t in resumed.model.state_dict().values()} == {CUDA}
        momentum = list(optimizer_tensors(resumed))
        assert len(momentum) == len(list(resumed.model.parameters()))
        assert {t.device for t in momentum} == {CUDA}
        resumed.step(data, indices, 1, 0.1)
