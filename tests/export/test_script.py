"""Exported scripts: the same losses as the engine, step for step, in clean code."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from alexnet_demo.data.splits import unpack
from alexnet_demo.export.script import training_script
from alexnet_demo.network import checkpoint
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import paths, schedule
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.recipes import RECIPES
from alexnet_demo.training import engine
from alexnet_demo.training.trainer import Trainer
from tests.support.waiting import PATIENCE

SMALL: dict[str, Any] = {
    "width": 0.0625,
    "epochs": 2,
    "batch_size": 8,
    "train_samples": 28,
    "test_samples": 12,
    "validation": 16,
    "device": "cpu",
    "precision": "fp32",
    "memory_format": "contiguous",  # the faster for so few channels
}
GROWN = {"width": 0.25, "grow": "0.25:0.5,0.5:0.25"}
IMPATIENT = {"train_samples": 8, "epochs": 12, "patience": 1, "lr": 1e-6}
VARIED: dict[str, dict[str, Any]] = {
    "patience": IMPATIENT,
    "patience of a growing network": {**IMPATIENT, **GROWN},
    "no validation images": {"validation": 0},
    "linear schedule": {"schedule": "linear", "lr_scale": 0.5, "seed": 3},
    "label smoothing": {"label_smoothing": 0.1, "weight_decay": 0.01},
    "width not determined by shapes": {"width": 0.0995, "epochs": 1},
    "batch normalization": {"norm": True, "dropout": 0.2, "init": "kaiming", "momentum": 0.9},
    "growing with batch normalization": {**GROWN, "norm": True},
    "another activation": {"activation": "tanh", "init": "kaiming", "norm": True},
    "shift and erase": {"shift": 2, "erase": 0.5},
    "drawings only": {"drawings": 1.0, "epochs": 1},
    "some photos": {"photos": 0.3, "flip": True, "epochs": 1},
}
CASES = {
    "article": TrainConfig.from_recipe(
        "article", **{**SMALL, "validation": 0, "memory_format": "channels_last"}
    ),
    "fast": TrainConfig.from_recipe("fast", **{**SMALL, **GROWN}),
    "best": TrainConfig.from_recipe("best", **{**SMALL, **GROWN, "generated": 0.0, "others": 0.0}),
    "quick": TrainConfig.from_recipe("quick", **SMALL),
    **{name: TrainConfig(**{**SMALL, **changes}) for name, changes in VARIED.items()},
}
WHOLE = {name: TrainConfig.from_recipe(name) for name in RECIPES}
PRECISE = {name: TrainConfig(precision=name, shift=1) for name in ("auto", "bf16", "fp16")}


def script_as_module(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = folder / "plain.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("plain", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "plain", module)
    spec.loader.exec_module(module)
    return module


def losses_of(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The training and test losses that it computes from here on."""
    losses: list[float] = []
    plain = torch.nn.functional.cross_entropy

    def recorded(*arguments: Any, **options: Any) -> torch.Tensor:
        loss = plain(*arguments, **options)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(module, "cross_entropy", recorded)
    return losses


def batches_of(count: int, settings: TrainConfig) -> int:
    return -(-count // settings.batch_size)


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
def test_the_script_gives_the_same_losses_step_for_step(
    settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    run = Run(tmp_path / "run")
    prepare(run.directory, settings)
    ours = losses_of(engine, monkeypatch)
    events = EventWriter(run.events)
    Trainer(settings, run.directory, events).run()
    events.close()

    script = script_as_module(training_script(settings), tmp_path, monkeypatch)
    theirs = losses_of(script, monkeypatch)
    out = tmp_path / "plain.safetensors"
    places = ["--data", str(paths.DATA_DIR), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["plain.py", *places])
    script.main()

    epochs = len(run.history.epochs)
    count = epochs * (settings.steps_per_epoch + batches_of(settings.eval_images, settings))
    assert theirs[:count] == ours[:count]
    # The best weights on the test set; here their batch normalization is fused already.
    assert theirs[count:] == pytest.approx(ours[count:], rel=1e-5)
    at_the_end = batches_of(settings.test_samples, settings) if settings.validation else 0
    assert len(theirs) == len(ours) == count + at_the_end
    assert (epochs < settings.epochs) == bool(settings.patience)
    printed = capsys.readouterr().out.splitlines()
    expected = [
        f"Epoch {e['epoch']}/{settings.epochs}: "
        f"Train => Loss: {e['train_loss']:.4f}, Acc: {e['train_accuracy']:.4f} | "
        f"{settings.eval_split.capitalize()} => "
        f"Loss: {e['test_loss']:.4f}, Acc: {e['test_accuracy']:.4f}"
        for e in run.history.epochs
    ]
    if settings.validation:
        end = run.history.end or {}
        result = f"Loss: {end['test_loss']:.4f}, Acc: {end['test_accuracy']:.4f}"
        expected.append(f"Best weights: Test => {result}")
    assert printed == expected
    best, saved = (checkpoint.load_weights(path)[0].state_dict() for path in (run.best, out))
    assert all(torch.equal(best[name], saved[name]) for name in best)


def test_the_cases_cover_early_stopping_and_growth() -> None:
    assert len({stage.width for stage in schedule.stages(CASES["fast"])}) == 3
    assert all(stage.first < stage.end for stage in schedule.stages(CASES["best"]))
    script = training_script(CASES["width not determined by shapes"])
    assert "save_file(weights, options.out, about)" in script


def test_it_runs_in_isolation(tmp_path: Path) -> None:
    """In a process that cannot import this package."""
    unpack()
    path = tmp_path / "train.py"
    settings = TrainConfig.from_recipe("article", **{**SMALL, "validation": 0, "epochs": 1})
    path.write_text(training_script(settings), encoding="utf-8")
    command = [sys.executable, "-I", str(path), "--data", str(paths.DATA_DIR)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"Epoch 1/1: Train => Loss: \d\.\d{4}, Acc: \d\.\d{4} \| "
        r"Test => Loss: \d\.\d{4}, Acc: \d\.\d{4}\n",
        done.stdout,
    )
    assert checkpoint.load_weights(tmp_path / "alexnet.safetensors")[0].width == 0.0625


@pytest.mark.skipif(not shutil.which("ruff"), reason="needs ruff")
@pytest.mark.parametrize("settings", [*CASES.values(), *WHOLE.values(), *PRECISE.values()])
def test_the_code_passes_ruff(settings: TrainConfig) -> None:
    text = training_script(settings)
    for command in (["check"], ["format", "--diff"]):
        options = ["--stdin-filename", str(paths.ROOT / "train.py"), "-"]
        done = subprocess.run(
            ["ruff", *command, *options], input=text, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("settings", [*WHOLE.values(), *PRECISE.values()])
def test_the_code_imports_no_package_code_and_defines_nothing_unused(settings: TrainConfig) -> None:
    text = training_script(settings)
    tree = ast.parse(text)
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not {module for module in imported if module and module.startswith("alexnet")}
    assert "{%" not in text and "{{" not in text
    defined = [n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    assert all(len(re.findall(rf"\b{name}\b", text)) > 1 for name in defined)


def test_a_plain_recipe_gives_a_short_script() -> None:
    text = training_script(WHOLE["article"])
    assert len(text.splitlines()) < 170
    words = ("widen", "augment", "autocast", "scaler", "lr_at", "batchnorm", "kaiming", "momentum")
    assert not [word for word in words if word in text]
    assert "synthesize" not in training_script(TrainConfig(flip=True))
    assert "synthesize" in training_script(TrainConfig(photos=0.5))


@pytest.mark.parametrize(
    ("precision", "calls"),
    [
        ("bf16", ["torch.autocast(device.type, torch.bfloat16)"]),
        ("fp16", ["torch.autocast(device.type, torch.float16)", "scaler.step(optimizer)"]),
        ("auto", ['enabled=device.type == "cuda"']),
    ],
)
def test_precision_is_that_of_the_settings(precision: str, calls: list[str]) -> None:
    text = training_script(PRECISE[precision])
    assert all(call in text for call in calls)
    assert text.count("with autocast(") == 2
