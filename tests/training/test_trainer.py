"""The training loop: equal to the article's, resumes exactly, and fails with one sentence."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

from alexnet_demo.common.errors import CheckpointError, ConfigError, TrainError
from alexnet_demo.common.files import sha256
from alexnet_demo.data.splits import Split, epoch_order, load_split
from alexnet_demo.network import checkpoint
from alexnet_demo.network import device as devices
from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.network.distinct_units import distinct_units
from alexnet_demo.network.input import to_input
from alexnet_demo.runs.devices import device_lock
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings import paths
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import engine as engine_module
from alexnet_demo.training import trainer as trainer_module
from alexnet_demo.training.engine import BatchResult, Engine, train_step
from alexnet_demo.training.metrics import MetricAccumulator, Metrics
from alexnet_demo.training.worker import run_training
from tests.support.runs import TINY, tiny_config
from tests.support.waiting import PATIENCE


def new_run(directory: Path, config: TrainConfig) -> Run:
    prepare(directory, config)
    return Run(directory)


def train(directory: Path, config: TrainConfig) -> Run:
    """A finished run."""
    run = new_run(directory, config)
    assert run_training(config, directory) == "finished"
    return run


def weights(run: Run) -> dict[str, Tensor]:
    return checkpoint.load_part(run.last, checkpoint.MODEL_PREFIX)


def equal_weights(one: Run, other: Run) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def last_step(run: Run) -> int:
    return checkpoint.load(run.last)[1]["step"]


def best_model_accuracy(run: Run, images: Split) -> float:
    model, _ = checkpoint.load_weights(run.best)
    with torch.no_grad():
        return float((model(to_input(images.images)).argmax(1) == images.labels).float().mean())


@contextmanager
def before_step(number: int, act: Callable[[nn.Module], object]) -> Iterator[None]:
    """Call ``act`` with the network before a step, counted from 1."""
    real, steps = engine_module.train_step, iter(range(1, 1000))

    def step(model, *arguments, **named):
        if next(steps) == number:
            act(model)
        return real(model, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "train_step", step)
        yield


# ------------------------------------------------------------------- the article's loop


def article_losses(model: nn.Module, batches: list, lr: float) -> list[float]:
    """The article's loop as printed."""
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
    """Same initial weights, dropout, and samples; each resizes the images in its own way."""
    split = load_split(train=True).head(64)
    order = epoch_order(64, seed=0, epoch=0)
    transform = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])

    def by_pil(indices: Tensor) -> Tensor:
        return torch.stack([transform(Image.fromarray(p.numpy())) for p in split.images[indices]])

    article_batches = [(by_pil(i), split.labels[i]) for i in order.split(16)]
    our_batches = [(to_input(split.images[i]), split.labels[i]) for i in order.split(16)]
    torch.manual_seed(5)
    expected = article_losses(AlexNet(width=0.25), article_batches, lr=0.1)
    torch.manual_seed(5)
    model = AlexNet(width=0.25).to(memory_format=torch.channels_last)
    assert our_losses(model, our_batches, lr=0.1) == pytest.approx(expected, rel=1e-4)
    assert len(set(expected)) == 4


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


def test_metrics_of_batches_of_different_sizes_add_up():
    accumulator = MetricAccumulator(Engine(tiny_config()))
    accumulator.add(BatchResult(torch.tensor(6.0), torch.tensor(2), 3))
    first = accumulator.flush()
    assert (first.mean_loss, first.accuracy) == (2.0, pytest.approx(2 / 3))
    accumulator.add(BatchResult(torch.tensor(5.0), torch.tensor(1), 1))
    second = accumulator.flush()
    assert second == Metrics(5.0, 1.0, 1, second.seconds)
    assert first + second == Metrics(11.0, 3.0, 4, first.seconds + second.seconds)


# ------------------------------------------------------------------------- whole runs


def test_events_and_best_weights_of_a_run(runs_dir: Path):
    run = train(runs_dir / "a", tiny_config())
    events = [json.loads(line) for line in run.events.read_text().splitlines()]
    assert events[0]["event"] == "start"
    assert events[0]["parameters"] == count_parameters(AlexNet(width=0.0625))
    assert events[-1] == {**events[-1], "event": "end", "reason": "finished", "step": 10}
    epochs = [e for e in events if e["event"] == "epoch"]
    assert [e["step"] for e in epochs] == [5, 10]
    keys = {"train_loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"}
    assert keys | {"images_per_s", "peak_memory"} <= epochs[0].keys()
    model, _ = checkpoint.load_weights(run.last)
    assert epochs[-1]["distinct_units"] == pytest.approx(distinct_units(model), abs=1e-3)
    assert run.state == "finished"
    best = max(e["test_accuracy"] for e in epochs)
    assert checkpoint.load_weights(run.best)[1]["test_accuracy"] == best
    test_images = load_split(train=False).head(32)
    assert best_model_accuracy(run, test_images) == pytest.approx(best)


@pytest.mark.parametrize("at", [2, 5, 7])
def test_paused_and_resumed_equals_uninterrupted(runs_dir: Path, at: int, monkeypatch):
    """Within an epoch and at its end, with dropout and momentum: bit for bit on a CPU."""
    monkeypatch.setattr(trainer_module, "EVENT_SECONDS", 0.0)
    straight = train(runs_dir / "straight", tiny_config())
    paused = new_run(runs_dir / "paused", tiny_config())
    request = paused.directory / "request"
    with before_step(at, lambda _: request.write_text("pause")):
        assert run_training(tiny_config(), paused.directory) == "paused"
    assert paused.state == "paused"
    request.unlink()
    assert run_training(tiny_config(), paused.directory) == "finished"
    assert equal_weights(paused, straight)
    one, other = Run(paused.directory).history, straight.history
    assert [b["step"] for b in one.batches] == [b["step"] for b in other.batches]
    for curve, key in (("batches", "loss"), ("epochs", "train_loss")):
        values = [[event[key] for event in getattr(history, curve)] for history in (one, other)]
        assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_stop_keeps_a_checkpoint(runs_dir: Path):
    run = new_run(runs_dir / "a", tiny_config())
    (run.directory / "request").write_text("stop")
    assert run_training(tiny_config(), run.directory) == "stopped"
    assert last_step(run) == 1


def test_a_diverging_run_fails_and_blames_the_learning_rate(runs_dir: Path):
    config = tiny_config(lr=10.0, momentum=0.99)
    run = new_run(runs_dir / "a", config)
    with pytest.raises(TrainError, match=r"NaN or infinite at step \d+.*learning rate"):
        run_training(config, run.directory)
    assert run.state == "failed"
    assert "learning rate" in run.error
    assert all(torch.isfinite(t).all() for t in weights(run).values())


def test_the_last_good_checkpoint_survives_nan(runs_dir: Path):
    run = new_run(runs_dir / "a", tiny_config())
    with (
        before_step(
            8, lambda model: model.get_parameter("net.fc8.weight").data.fill_(float("nan"))
        ),
        pytest.raises(TrainError, match="checkpoint is kept"),
    ):
        run_training(tiny_config(), run.directory)
    assert last_step(run) == 5
    assert all(torch.isfinite(t).all() for t in weights(run).values())


def test_a_full_disk_fails_the_run(runs_dir: Path, monkeypatch):
    run = new_run(runs_dir / "a", tiny_config())

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(TrainError, match=r"last\.safetensors|best\.safetensors") as caught:
        run_training(tiny_config(), run.directory)
    assert "No space left" in str(caught.value)
    assert run.state == "failed"


def test_out_of_memory_names_batch_size_memory_and_a_smaller_batch(runs_dir: Path):
    run = new_run(runs_dir / "a", tiny_config())

    def exhaust(_: nn.Module) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 90 GiB")

    with (
        before_step(1, exhaust),
        pytest.raises(TrainError, match=r"batch size 16 .*[MG]B in use of .*batch size of 8"),
    ):
        run_training(tiny_config(), run.directory)


def test_one_run_at_a_time_uses_a_device(runs_dir: Path):
    run = new_run(runs_dir / "a", tiny_config())
    with device_lock("cpu"), pytest.raises(ConfigError, match="cpu"):
        run_training(tiny_config(), run.directory)
    assert run.state == "failed"


def test_a_checkpoint_of_another_network_is_refused(runs_dir: Path):
    run = train(runs_dir / "a", tiny_config(epochs=1))
    with pytest.raises(CheckpointError, match=r"last\.safetensors"):
        run_training(tiny_config(width=0.125), run.directory)


@pytest.mark.gpu
@pytest.mark.skipif(devices.available()[0].id == "cpu", reason="needs a CUDA or MPS device")
def test_a_gpu_trains_too(runs_dir: Path):
    train(runs_dir / "a", tiny_config(device="auto", precision="auto"))


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
from alexnet_demo.training import engine, trainer
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.worker import run_training

owner, name, count = {"step": (engine.Engine, "step", 7), "test": (engine.Engine, "test", 3),
    "write": (checkpoint, "save_file", 5), "first step": (engine.Engine, "step", 1),
    "growth": (engine.Engine, "grow", 1)}[sys.argv[1]]
real, calls = getattr(owner, name), iter(range(1, 1000))

def killing(*arguments, **named):
    if next(calls) == count:
        if name == "save_file":  # half of a checkpoint is on the disk
            Path(arguments[1]).write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **named)

setattr(owner, name, killing)
trainer.EVENT_SECONDS = 0.0
run_training(TrainConfig(**json.loads(sys.argv[3])), Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of `EXACT` from beginning to end."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RUNS_DIR", folder)
        patch.setattr(trainer_module, "EVENT_SECONDS", 0.0)
        return train(folder / "straight", TrainConfig(**EXACT))


@pytest.mark.parametrize("moment", ["first step", "step", "test", "write", "growth"])
def test_killed_at_any_moment_and_resumed_equals_uninterrupted(
    runs_dir: Path, uninterrupted: Run, moment: str, monkeypatch
):
    """The same weights bit for bit on a CPU, and the same curve without gaps or doubled points."""
    run = new_run(runs_dir / "killed", TrainConfig(**EXACT))
    command = [sys.executable, "-c", KILLED_TRAINER, moment, str(run.directory), json.dumps(EXACT)]
    killed = subprocess.run(command, cwd=paths.ROOT, check=False, timeout=PATIENCE)
    assert killed.returncode == -signal.SIGKILL
    assert run.state == "interrupted"

    monkeypatch.setattr(trainer_module, "EVENT_SECONDS", 0.0)
    assert run_training(run.config, run.directory) == "finished"
    assert equal_weights(run, uninterrupted)
    one, other = Run(run.directory).history, uninterrupted.history
    assert [b["step"] for b in one.batches] == list(range(1, 11))
    for record, keys in (
        ("batches", ("step", "loss", "accuracy", "lr")),
        ("epochs", ("step", "test_loss")),
        ("grow_events", ("step",)),
    ):
        rows = [
            [[e[k] for k in keys] for e in getattr(history, record)] for history in (one, other)
        ]
        assert rows[0] == rows[1]


def test_the_same_seed_gives_the_same_result_and_another_seed_another(runs_dir: Path):
    settings = {**EXACT, "epochs": 1, "train_samples": 32}
    one, same, other = (
        train(runs_dir / name, TrainConfig(**{**settings, "seed": seed}))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert equal_weights(one, same)
    assert not equal_weights(one, other)


# ------------------------------------------------------------------------ other settings


def test_a_growing_run_ends_at_its_full_width_and_so_does_its_best_epoch(uninterrupted: Run):
    history = uninterrupted.history
    assert [(g["step"], g["width"]) for g in history.grow_events] == [(5, 0.125)]
    assert [e["width"] for e in history.epochs] == [0.0625, 0.125]
    assert checkpoint.load_weights(uninterrupted.best)[0].width == 0.125
    assert history.best and history.best["epoch"] == 2


@pytest.mark.parametrize(
    ("changes", "widths"),
    [
        ({"epochs": 50, "patience": 2}, [0.0625] * 3),
        (
            {"epochs": 8, "patience": 1, "width": 0.125, "grow": "0.5:0.5"},
            [0.0625] * 4 + [0.125] * 2,
        ),
    ],
    ids=["constant width", "growing: not before the full width"],
)
def test_early_stopping_ends_a_run_without_progress(
    runs_dir: Path, changes: dict[str, Any], widths: list[float]
):
    run = train(runs_dir / "a", tiny_config(lr=1e-6, momentum=0.0, **changes))  # learns nothing
    assert [e["width"] for e in run.history.epochs] == widths


def test_epochs_and_learning_rate_can_change_while_paused(runs_dir: Path):
    run = train(runs_dir / "a", tiny_config(epochs=1))
    assert run_training(tiny_config(epochs=2, lr_scale=0.1), run.directory) == "finished"
    assert [e["epoch"] for e in run.history.epochs] == [1, 2]
    assert run.history.batches[-1]["lr"] == pytest.approx(0.005)


def test_validation_images_are_the_last_training_images(runs_dir: Path):
    run = train(runs_dir / "a", tiny_config(validation=100, epochs=1))
    images = load_split(train=True).tail(100)
    expected = checkpoint.load_weights(run.best)[1]["validation_accuracy"]
    assert best_model_accuracy(run, images) == pytest.approx(expected)
    assert run.history.epochs[0]["split"] == "validation"
    assert run.history.epochs[0]["test_accuracy"] == expected == run.best_accuracy


def test_the_best_weights_are_tested_once_at_the_end(runs_dir: Path):
    """On images that nothing was chosen by; without validation images every epoch was tested."""
    run = train(runs_dir / "a", tiny_config(validation=40, norm=True))
    test_set = load_split(train=False).head(32)
    assert run.history.end
    assert run.history.end["test_images"] == 32
    assert run.history.end["test_accuracy"] == run.history.test_accuracy
    assert run.history.test_accuracy == pytest.approx(best_model_accuracy(run, test_set))

    other = train(runs_dir / "b", tiny_config())
    assert other.history.end and "test_accuracy" not in other.history.end
    assert other.history.test_accuracy == other.best_accuracy


VALIDATED = tiny_config(validation=40, epochs=1)


def test_paused_on_the_test_set_it_keeps_its_state_and_tests_again(runs_dir: Path):
    straight, run = train(runs_dir / "a", VALIDATED), new_run(runs_dir / "b", VALIDATED)
    real = Engine.test

    def pausing(engine: Engine, data: Split, batch: slice) -> Any:
        if len(data) == VALIDATED.test_samples:
            run.request_path.write_text("pause")
        return real(engine, data, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "test", pausing)
        assert run_training(VALIDATED, run.directory) == "paused"
    assert (run.state, run.resumable, run.history.test_accuracy) == ("paused", True, None)
    assert equal_weights(run, straight)
    run.request_path.unlink()
    assert run_training(VALIDATED, run.directory) == "finished"
    assert run.history.test_accuracy == straight.history.test_accuracy
    assert len(run.history.epochs) == 1


def test_a_run_whose_best_weights_are_lost_finishes_with_a_warning(runs_dir: Path):
    run = train(runs_dir / "a", VALIDATED)
    run.best.write_bytes(b"damaged")
    assert run_training(VALIDATED, run.directory) == "finished"
    assert run.history.test_accuracy is None
    assert "best.safetensors" in run.warning


def test_config_json_records_seed_versions_and_commit(runs_dir: Path):
    run = new_run(runs_dir / "a", tiny_config(seed=5))
    record = json.loads((run.directory / "config.json").read_text())
    assert record["seed"] == 5
    assert record["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert {"numpy", "torchvision", "python", "alexnet_demo"} < record["versions"].keys()
    assert "commit" in record


def begun_with(directory: Path, path: Path, config: TrainConfig) -> Run:
    """A run that is to begin with these weights."""
    run = new_run(directory, config)
    run.start.write_bytes(path.read_bytes())
    return run


def test_a_run_begins_with_given_weights_and_says_which(tmp_path: Path, trained_run: Run):
    config = tiny_config(width=trained_run.config.width, epochs=1, lr=1e-6, norm=True)
    run = begun_with(tmp_path / "more", trained_run.best, config)
    assert run_training(config, run.directory) == "finished"
    old, new = (checkpoint.load_weights(path)[0] for path in (trained_run.best, run.best))
    x = to_input(load_split(train=False).images[:50])
    assert (old(x).argmax(1) == new(x).argmax(1)).float().mean() > 0.9
    assert (run.history.start or {})["began_with"] == sha256(trained_run.best)


def test_a_run_begins_with_narrower_weights_widened(tmp_path: Path, trained_run: Run):
    config = tiny_config(width=2 * trained_run.config.width, epochs=1, train_samples=64)
    run = begun_with(tmp_path / "wide", trained_run.best, config)
    assert run_training(config, run.directory) == "finished"
    assert checkpoint.load_weights(run.best)[0].width == config.width


@pytest.mark.parametrize(("ours", "theirs", "factor"), [("relu", "tanh", 1), ("tanh", "tanh", 2)])
def test_weights_of_another_activation_and_to_widen_without_relu_are_refused(
    ours: str, theirs: str, factor: int, tmp_path: Path
):
    weights, config = tmp_path / "weights.safetensors", tiny_config(activation=ours)
    checkpoint.save_weights(weights, AlexNet(width=config.width, activation=theirs), {})
    config = replace(config, width=factor * config.width)
    run = begun_with(tmp_path / "run", weights, config)
    with pytest.raises(CheckpointError, match="activation tanh"):
        run_training(config, run.directory)


def test_wider_weights_are_refused(tmp_path: Path):
    wide, config = tmp_path / "wide.safetensors", tiny_config()
    checkpoint.save_weights(wide, AlexNet(width=2 * config.width), {})
    run = begun_with(tmp_path / "narrow", wide, config)
    with pytest.raises(CheckpointError, match="width"):
        run_training(config, run.directory)
