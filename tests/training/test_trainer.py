"""The loop: equal to the article's, resumable, and honest when it fails."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from alexnet_demo.common import errors
from alexnet_demo.common.errors import ConfigError, TrainError
from alexnet_demo.data import splits
from alexnet_demo.network import checkpoint
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.input import to_input
from alexnet_demo.runs.devices import device_lock
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import engine as engine_module
from alexnet_demo.training import trainer as train_module
from alexnet_demo.training.engine import BatchResult, Engine, train_step
from alexnet_demo.training.metrics import MetricAccumulator, Metrics
from alexnet_demo.training.worker import run_training
from tests.support.runs import TINY, tiny_config

def train(directory: Path, config: TrainConfig) -> Run:
    """A run trained from the beginning to its end."""
    prepare(directory, config)
    assert run_training(config, directory) == "finished"
    return Run(directory)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return checkpoint.load_part(run.last, checkpoint.MODEL_PREFIX)


def assert_equal_weights(run: Run, other: Run) -> None:
    ours, theirs = weights(run), weights(other)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def accuracy(run: Run, images: splits.Split) -> float:
    """Accuracy of a run's best weights."""
    model, _ = checkpoint.load_weights(run.best)
    with torch.no_grad():
        return float((model(to_input(images.images)).argmax(1) == images.labels).float().mean())


# ------------------------------------------------------------------- the article's loop


def article_losses(model: nn.Module, batches: list, lr: float) -> list[float]:
    """The article's loop as printed, on pictures that PIL resized."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    model.train()
    losses = []
    for x, y in batches:
        optimizer.zero_grad()
        y_hat = model(x)
        value = loss(y_hat, y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def our_losses(model: nn.Module, batches: list, lr: float) -> list[float]:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    model.train()
    return [train_step(model, optimizer, scaler, x, y)[0].item() for x, y in batches]


def test_a_few_steps_give_the_article_losses():
    """Same initial weights, same dropout, same samples; the input through each one's own path."""
    split = splits.load_split(train=True).head(64)
    order = splits.epoch_order(64, seed=0, epoch=0)
    transform = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])

    def by_pil(chosen: torch.Tensor) -> torch.Tensor:
        return torch.stack([transform(Image.fromarray(p.numpy())) for p in split.images[chosen]])

    theirs_in = [(by_pil(chosen), split.labels[chosen]) for chosen in order.split(16)]
    ours_in = [(to_input(split.images[c]), split.labels[c]) for c in order.split(16)]
    torch.manual_seed(5)
    theirs = article_losses(AlexNet(width=0.25), theirs_in, lr=0.1)
    torch.manual_seed(5)
    ours = our_losses(AlexNet(width=0.25).to(memory_format=torch.channels_last), ours_in, lr=0.1)
    assert ours == pytest.approx(theirs, rel=1e-4)
    assert len(set(ours)) == 4


def test_the_full_network_takes_the_article_step():
    """One step of the full network on the same tensors: the same loss and the same weights."""
    x, y = torch.rand(4, 1, 224, 224), torch.tensor([1, 2, 3, 4])
    models = []
    for losses in (article_losses, our_losses):
        torch.manual_seed(1)
        model = AlexNet()
        models.append((losses(model, [(x, y)], 0.1), model))
    assert models[0][0] == pytest.approx(models[1][0], rel=1e-6)
    for a, b in zip(models[0][1].parameters(), models[1][1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


def test_tally_sums_batches_of_different_sizes():
    accumulator = MetricAccumulator(Engine(tiny_config()))
    accumulator.add(BatchResult(torch.tensor(6.0), torch.tensor(2), 3))
    first = accumulator.flush()
    assert (first.mean_loss, first.accuracy) == (2.0, pytest.approx(2 / 3))
    accumulator.add(BatchResult(torch.tensor(5.0), torch.tensor(1), 1))
    second = accumulator.flush()
    assert second == Metrics(5.0, 1.0, 1, second.seconds)
    assert first + second == Metrics(11.0, 3.0, 4, first.seconds + second.seconds)


# ------------------------------------------------------------------------- whole runs


def test_a_run_tells_its_story(runs_dir: Path):
    directory = prepared(runs_dir / "a", tiny_config())
    assert run_training(tiny_config(), directory) == "finished"
    told = events(directory)
    assert told[0]["event"] == "start"
    assert told[0]["parameters"] == count_parameters(AlexNet(width=0.0625))
    assert told[-1] == {**told[-1], "event": "end", "reason": "finished", "step": 10}
    epochs = [e for e in told if e["event"] == "epoch"]
    assert [e["step"] for e in epochs] == [5, 10]
    wanted = {"train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"}
    assert wanted | {"images_per_s", "peak_memory"} <= epochs[0].keys()
    run = Run(directory)
    assert run.state == "finished"
    model, info = checkpoint.load_weights(run.best)
    assert info["test_accuracy"] == max(e["test_accuracy"] for e in epochs)
    split = splits.load_split(train=False).head(32)
    with torch.no_grad():
        correct = int((model(to_input(split.images)).argmax(1) == split.labels).sum())
    assert correct / 32 == pytest.approx(info["test_accuracy"])


@pytest.mark.parametrize("at", [2, 5, 7])
def test_paused_and_resumed_equals_uninterrupted(runs_dir: Path, at: int, monkeypatch):
    """Mid-epoch and at an epoch's end, with dropout and momentum: bit for bit on a CPU."""
    monkeypatch.setattr(train_module, "EVENT_SECONDS", 0.0)
    straight = prepared(runs_dir / "straight", tiny_config())
    run_training(tiny_config(), straight)

    broken = prepared(runs_dir / "broken", tiny_config())
    request, real = broken / "request", engine_module.train_step
    steps = iter(range(1, 100))

    def pausing(*arguments, **named):
        if next(steps) == at:
            request.write_text("pause")
        return real(*arguments, **named)

    monkeypatch.setattr(engine_module, "train_step", pausing)
    assert run_training(tiny_config(), broken) == "paused"
    assert Run(broken).state == "paused"
    monkeypatch.setattr(engine_module, "train_step", real)
    request.unlink()
    assert run_training(tiny_config(), broken) == "finished"
    ours, theirs = weights(broken), weights(straight)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    curves = [Run(d).history for d in (broken, straight)]
    assert [b["step"] for b in curves[0].batches] == [b["step"] for b in curves[1].batches]
    assert [b["loss"] for b in curves[0].batches] == pytest.approx(
        [b["loss"] for b in curves[1].batches], rel=1e-5
    )
    assert [e["train_loss"] for e in curves[0].epochs] == pytest.approx(
        [e["train_loss"] for e in curves[1].epochs]
    )


def test_stop_keeps_a_checkpoint(runs_dir: Path):
    directory = prepared(runs_dir / "a", tiny_config())
    (directory / "request").write_text("stop")
    assert run_training(tiny_config(), directory) == "stopped"
    assert checkpoint.load(Run(directory).last)[1]["step"] == 1


def test_a_hopeless_learning_rate_ends_in_a_sentence(runs_dir: Path):
    config = tiny_config(lr=10.0, momentum=0.99)
    directory = prepared(runs_dir / "a", config)
    with pytest.raises(TrainError, match=r"NaN or infinite at step .* learning rate is too high"):
        run_training(config, directory)
    run = Run(directory)
    assert run.state == "failed"
    assert "learning rate" in run.error
    assert all(torch.isfinite(t).all() for t in weights(directory).values())


def test_the_last_good_checkpoint_survives_nan(runs_dir: Path, monkeypatch):
    directory = prepared(runs_dir / "a", tiny_config())
    real, steps = engine_module.train_step, iter(range(1, 100))

    def poisoned(model, *arguments, **named):
        if next(steps) == 8:
            with torch.no_grad():
                model.net.fc8.weight.fill_(float("nan"))
        return real(model, *arguments, **named)

    monkeypatch.setattr(engine_module, "train_step", poisoned)
    with pytest.raises(TrainError, match="last good checkpoint is kept"):
        run_training(tiny_config(), directory)
    assert checkpoint.load(Run(directory).last)[1]["step"] == 5
    assert all(torch.isfinite(t).all() for t in weights(directory).values())


def test_a_full_disk_ends_in_a_sentence(runs_dir: Path, monkeypatch):
    directory = prepared(runs_dir / "a", tiny_config())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(TrainError, match=r"could not be written .*No space left.* then resume"):
        run_training(tiny_config(), directory)
    assert Run(directory).state == "failed"


def test_out_of_memory_names_batch_memory_and_a_way_out(runs_dir: Path, monkeypatch):
    directory = prepared(runs_dir / "a", tiny_config())

    def hungry(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 90 GiB")

    monkeypatch.setattr(engine_module, "train_step", hungry)
    with pytest.raises(TrainError, match=r"batch size 16 .*GB in use of .*try a batch size of 8"):
        run_training(tiny_config(), directory)


def test_one_training_at_a_time_on_a_device(runs_dir: Path):
    directory = prepared(runs_dir / "a", tiny_config())
    with device_lock("cpu"), pytest.raises(ConfigError, match="Another run is using cpu"):
        run_training(tiny_config(), directory)
    assert Run(directory).state == "failed"


def test_a_checkpoint_of_another_network_is_refused(runs_dir: Path):
    directory = prepared(runs_dir / "a", tiny_config(epochs=1))
    run_training(tiny_config(epochs=1), directory)
    with pytest.raises(errors.CheckpointError, match="does not hold the training state"):
        run_training(tiny_config(width=0.125), directory)


@pytest.mark.gpu
@pytest.mark.skipif(
    devices.available()[0].id == "cpu", reason="needs a CUDA or MPS device, there is none here"
)
def test_a_gpu_trains_too(runs_dir: Path):
    config = tiny_config(device="auto", precision="auto")
    assert run_training(config, prepared(runs_dir / "a", config)) == "finished"


# ------------------------------------------------------------------- kill -9 and resume

EXACT: dict[str, Any] = {
    **TINY,
    "width": 0.125,
    "grow": "0.5:0.5",
    "flip": True,
    "drawings": 0.25,
    "photos": 0.25,
    "norm": True,
    "schedule": "linear",
    "checkpoint_minutes": 1e-9,  # at every step
}
KILLED_TRAINER = """
import json, os, signal, sys
from pathlib import Path
from alexnet_demo.network import checkpoint
from alexnet_demo.training import engine, trainer as train
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.worker import run_training
from tests.support.runs import TINY, tiny_config

owner, name, count = {"step": (engine.Engine, "step", 7), "test": (engine.Engine, "test", 3),
    "write": (checkpoint, "save_file", 5), "first": (engine.Engine, "step", 1),
    "after widening": (engine.Engine, "grow", 1)}[sys.argv[1]]
real, calls = getattr(owner, name), iter(range(1, 1000))

def killing(*arguments, **named):
    if next(calls) == count:
        if name == "save_file":  # half of a checkpoint is on the disk
            Path(arguments[1]).write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)

setattr(owner, name, killing)
train.EVENT_SECONDS = 0.0
config = TrainConfig(**json.loads(sys.argv[3]))
run_training(config, Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of `EXACT` from beginning to end."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS_DIR", folder)
        patch.setattr(train_module, "EVENT_SECONDS", 0.0)
        directory = prepared(folder / "straight", TrainConfig(**EXACT))
        assert run_training(TrainConfig(**EXACT), directory) == "finished"
    return Run(directory)


@pytest.mark.parametrize("moment", ["first", "step", "test", "write", "after widening"])
def test_killed_at_any_moment_and_resumed_equals_uninterrupted(
    runs_dir: Path, uninterrupted: Run, moment: str, monkeypatch
):
    """The same weights bit for bit on a CPU, and the same curve without gaps or doubled points."""
    config = TrainConfig(**EXACT)
    directory = prepared(runs_dir / "killed", config)
    command = [sys.executable, "-c", KILLED_TRAINER, moment, str(directory), json.dumps(EXACT)]
    killed = subprocess.run(command, cwd=paths.ROOT, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert Run(directory).state == "interrupted"

    monkeypatch.setattr(train_module, "EVENT_SECONDS", 0.0)
    assert run_training(config, directory) == "finished"
    ours, theirs = weights(directory), weights(uninterrupted.directory)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    curves = [Run(directory).history, uninterrupted.history]
    for record in ("batches", "epochs", "grow_events"):
        steps = [[event["step"] for event in getattr(curve, record)] for curve in curves]
        assert steps[0] == steps[1]
    assert [b["step"] for b in curves[0].batches] == list(range(1, 11))
    for field in ("loss", "accuracy", "lr"):
        values = [[batch[field] for batch in curve.batches] for curve in curves]
        assert values[0] == values[1]
    assert [e["test_loss"] for e in curves[0].epochs] == [e["test_loss"] for e in curves[1].epochs]


def test_the_same_seed_gives_the_same_result_and_another_seed_another(runs_dir: Path):
    found = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        config = TrainConfig(**{**EXACT, "seed": seed, "epochs": 1, "train_samples": 32})
        run_training(config, prepared(runs_dir / name, config))
        found.append(weights(runs_dir / name))
    assert all(torch.equal(found[0][n], found[1][n]) for n in found[0])
    assert not all(torch.equal(found[0][n], found[2][n]) for n in found[0])


# ------------------------------------------------------------------------ other settings


def test_a_growing_run_ends_at_its_whole_width_and_its_best_is_of_that(runs_dir: Path):
    config = TrainConfig(**EXACT)
    directory = prepared(runs_dir / "a", config)
    run_training(config, directory)
    run = Run(directory)
    assert [(g["step"], g["width"]) for g in run.history.grow_events] == [(5, 0.125)]
    assert [e["width"] for e in run.history.epochs] == [0.0625, 0.125]
    assert checkpoint.load_weights(run.best)[0].width == 0.125
    assert run.history.best and run.history.best["epoch"] == 2


def test_early_stopping_ends_the_run_after_epochs_without_progress(runs_dir: Path):
    config = tiny_config(epochs=50, patience=2, lr=1e-6, momentum=0.0)  # learns nothing
    directory = prepared(runs_dir / "a", config)
    assert run_training(config, directory) == "finished"
    assert len(Run(directory).history.epochs) == 3


def test_epochs_and_learning_rate_can_change_while_paused(runs_dir: Path):
    config = tiny_config(epochs=1)
    directory = prepared(runs_dir / "a", config)
    run_training(config, directory)
    longer = tiny_config(epochs=2, lr_scale=0.1)
    assert run_training(longer, directory) == "finished"
    history = Run(directory).history
    assert [e["epoch"] for e in history.epochs] == [1, 2]
    assert history.batches[-1]["lr"] == pytest.approx(0.005)


def test_validation_images_are_the_last_training_images(runs_dir: Path):
    config = tiny_config(validation=100, epochs=1)
    directory = prepared(runs_dir / "a", config)
    run_training(config, directory)
    model, info = checkpoint.load_weights(Run(directory).best)
    held_back = splits.load_split(train=True).tail(100)
    with torch.no_grad():
        correct = int((model(to_input(held_back.images)).argmax(1) == held_back.labels).sum())
    assert correct / 100 == pytest.approx(info["test_accuracy"])


def test_a_runs_config_says_what_its_result_rests_on(runs_dir: Path):
    directory = prepared(runs_dir / "a", tiny_config(seed=5))
    record = json.loads((directory / "config.json").read_text())
    assert record["seed"] == 5
    assert record["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert {"numpy", "torchvision", "python", "alexnet_demo"} < record["versions"].keys()
    assert "commit" in record


def test_early_stopping_waits_for_the_whole_width(runs_dir: Path):
    config = tiny_config(epochs=8, patience=1, lr=1e-6, momentum=0.0, width=0.125, grow="0.5:0.5")
    directory = prepared(runs_dir / "a", config)
    assert run_training(config, directory) == "finished"
    assert [e["width"] for e in Run(directory).history.epochs] == [0.0625] * 4 + [0.125] * 2
