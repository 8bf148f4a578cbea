"""The training state: saved from a GPU and restored to it, its layout, and its precision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from alexnet_demo.data.splits import Split
from alexnet_demo.network import checkpoint
from alexnet_demo.network import device as devices
from alexnet_demo.runs.run import Run
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import state
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.state import TrainingState
from tests.support.fake_cuda import CUDA, fake_cuda, fake_split

CONFIG = TrainConfig(
    width=0.0625, momentum=0.9, norm=True, device="cpu", memory_format="channels_last"
)
DATA = Split(torch.zeros(8, 28, 28, dtype=torch.uint8), torch.arange(8))


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


@pytest.fixture
def saved(tmp_path: Path) -> Run:
    """A run with the state after one step."""
    run, engine = Run(tmp_path), Engine(CONFIG)
    run.last.parent.mkdir()
    engine.step(DATA, torch.arange(8), 0, 0.01)
    TrainingState(step=1).save(run, engine)
    return run


def rewrite(run: Run, **changes: Any) -> None:
    """Change what a checkpoint says about itself; None removes a key."""
    tensors, info = checkpoint.load(run.last)
    info |= changes
    checkpoint.save(run.last, tensors, {k: v for k, v in info.items() if v is not None})


def test_a_resumed_momentum_is_laid_out_as_its_weight(saved: Run):
    engine = Engine(CONFIG)
    assert TrainingState.load(saved.last, engine).step == 1
    layouts = {
        weight.is_contiguous(memory_format=torch.channels_last)
        for weight, state in engine.optimizer.state.items()
        if weight.ndim == 4 and weight.shape[1] > 1
    }
    assert layouts == {True}
    tensors, _ = checkpoint.load(saved.last)
    for number, weight in enumerate(engine.model.parameters()):
        momentum = engine.optimizer.state[weight]["momentum_buffer"]
        assert momentum.stride() == weight.stride()
        assert torch.equal(momentum, tensors[f"optimizer.{number}.momentum_buffer"])


@pytest.mark.parametrize(
    ("written", "resumed"),
    [
        ({"device": "cpu", "memory_format": "contiguous"}, ("fp32", "contiguous")),
        ({"device": None, "memory_format": "contiguous"}, ("fp32", "contiguous")),
        ({"device": "cpu", "precision": "bf16"}, ("fp32", "channels_last")),
        ({"device": "cuda", "precision": "bf16"}, ("fp32", "channels_last")),
        ({"device": None, "precision": "fp16"}, ("fp32", "channels_last")),
        ({"device": "cuda", "memory_format": "contiguous"}, ("fp32", "channels_last")),
    ],
)
def test_a_run_resumes_as_suits_its_device(saved: Run, written: dict[str, Any], resumed: Any):
    rewrite(saved, **written)
    engine = Engine(replace(CONFIG, precision="auto"))
    engine.set_execution("fp32", "channels_last")
    TrainingState.load(saved.last, engine)
    assert (engine.precision, engine.memory_format) == resumed


@pytest.mark.filterwarnings("ignore:torch.cuda.amp.GradScaler")  # it looks for a GPU
@pytest.mark.parametrize(
    ("chosen", "written_on", "units", "resumed"),
    [
        ("fp16", "cuda", False, "fp16"),
        ("fp16", None, False, "fp16"),  # by version 0.5, on whatever device
        ("bf16", "cuda", False, "bf16"),  # as its settings demand
        ("fp16", "cuda", True, "bf16"),
    ],
)
def test_a_gpu_without_bf16_units_does_not_resume_in_bf16(
    monkeypatch: pytest.MonkeyPatch, chosen: str, written_on: str, units: bool, resumed: str
):
    monkeypatch.setattr(devices, "has_bf16_units", lambda _: units)
    engine = Engine(CONFIG)
    engine.device = torch.device("cuda:0")
    engine.set_execution(chosen, "channels_last")
    info = {"precision": "bf16", "memory_format": "contiguous", "device": written_on}
    state._restore_execution({k: v for k, v in info.items() if v is not None}, engine)
    assert (engine.precision, engine.memory_format) == (resumed, "contiguous")


def test_a_run_resumes_in_fp16_that_did_not_scale_its_loss(saved: Run):
    """On a GPU that chooses fp16, after a CPU or a GPU that chose something else."""
    rewrite(saved, device="cuda")
    engine = Engine(replace(CONFIG, precision="auto"))
    engine.set_execution("fp16", "channels_last")
    # A CUDA scaler disables itself without a GPU.
    engine.scaler = torch.amp.GradScaler("cpu")
    assert checkpoint.load(saved.last)[1]["scaler"] == {}
    assert TrainingState.load(saved.last, engine).step == 1
    assert engine.precision == "fp16" and engine.scaler.is_enabled()


def test_the_loss_is_scaled_in_fp16_alone():
    """Also where a run resumes in fp16 that would begin in float32 now."""
    engine = Engine(CONFIG)
    for precision in ("fp32", "fp16", "bf16"):
        engine.set_execution(precision, "contiguous")
        assert engine.scaler.is_enabled() == (precision == "fp16")
