"""Snapshots: equal to separate measurements, and without effect on the training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet_demo.data.splits import Split, load_split
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.grad_cam import grad_cam
from alexnet_demo.network.input import to_input
from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.runs.store import prepare
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.recorder import FIRST_EPOCH, PROBES, Recorder
from alexnet_demo.training.trainer import Trainer
from tests.support.runs import tiny_config

CONFIG = tiny_config(epochs=3, init="kaiming", train_samples=320, test_samples=80, keep_epochs=2)


def train(run: Run, request: str = "") -> str:
    """Train a prepared run, at once requested to pause or stop, and return how it ended."""
    events = EventWriter(run.events)
    trainer = Trainer(CONFIG, run.directory, events)
    trainer.signal_request = request
    reason = trainer.run()
    events.close()
    return reason


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("runs") / "20260101-000000-article-aa")
    prepare(run.directory, CONFIG)
    sketch = np.zeros((56, 56), np.uint8)
    sketch[10:40, 20:30] = 255
    pins.write(run.pins, [*pins.defaults()[:3], Pin("a line", sketch)])
    train(run)
    return run


@pytest.fixture(scope="module")
def recorded(run: Run) -> list[Snapshot]:
    return snapshots.follow(run.snapshots)


@pytest.fixture(scope="module")
def last_model(run: Run) -> AlexNet:
    return checkpoint.load_weights(run.last)[0]


@pytest.fixture(scope="module")
def images() -> Split:
    return load_split(train=False).head(CONFIG.test_samples)


def test_snapshots_before_in_and_after_each_epoch(recorded: list[Snapshot]):
    """The first epoch has twenty steps; the time they take decides how many are recorded."""
    steps = [snapshot.step for snapshot in recorded]
    assert steps == sorted(set(steps))
    assert steps[0] == 0
    assert {20, 40, 60} <= set(steps)
    assert len([step for step in steps if step < 20]) <= FIRST_EPOCH + 1 + 20 % FIRST_EPOCH
    assert not [step for step in steps if 20 < step < 40]
    assert [s.accuracy is None for s in recorded] == [s not in (20, 40, 60) for s in steps]


def test_accuracy_and_confusion_are_those_of_the_epoch(
    run: Run, recorded: list[Snapshot], images: Split
):
    for epoch, snapshot in zip(run.history.epochs, recorded[-3:], strict=True):
        assert snapshot.accuracy == epoch["test_accuracy"]
        counts = np.array(snapshot.confusion)
        assert counts.sum() == CONFIG.test_samples
        assert np.trace(counts) / counts.sum() == pytest.approx(epoch["test_accuracy"])
        # Rows are true classes.
        assert counts.sum(1).tolist() == torch.bincount(images.labels, minlength=10).tolist()


def test_pin_predictions_are_those_of_the_kept_weights(run: Run, recorded: list[Snapshot]):
    """The last epoch's weights were kept in 8 bits, hence not quite the same."""
    model, info = checkpoint.load_weights(run.epoch_weights(3))
    assert info["epoch"] == 3
    assert [pin.id for pin in pins.read(run.pins)] == list(recorded[-1].pins)
    for pin in pins.read(run.pins):
        with torch.no_grad():
            x = to_input(torch.from_numpy(pin.pixels.copy())[None])
            expected = model(x).softmax(1)[0]
        prediction = recorded[-1].pins[pin.id]
        assert prediction.probabilities == pytest.approx(expected.tolist(), abs=0.02)
        heat = grad_cam(model, pin.pixels[None], expected.argmax()[None])[0]
        assert np.abs(prediction.heat / 255 - heat).mean() < 0.03


def test_filters_are_conv1s(last_model: AlexNet, recorded: list[Snapshot]):
    weights = last_model.get_parameter("net.conv1.weight").detach()[:, 0].numpy()
    filters, most = recorded[-1].filters, recorded[-1].filter_max
    assert most == pytest.approx(np.abs(weights).max(), rel=1e-5)
    assert np.abs((filters / 127.5 - 1) * most - weights).max() <= most / 127


def test_layer_states_are_those_that_hooks_measure(
    last_model: AlexNet, recorded: list[Snapshot], images: Split
):
    outputs: dict[str, torch.Tensor] = {}
    for name, module in last_model.net.named_children():
        module.register_forward_hook(lambda _m, _i, out, name=name: outputs.update({name: out}))
    with torch.no_grad():
        last_model(to_input(images.images[:PROBES]))
    for layer in recorded[-1].layers:
        weight = last_model.get_parameter(f"net.{layer.name}.weight").detach()
        assert layer.weight_norm == pytest.approx(float(weight.norm()), rel=1e-4)
        output = outputs.get(f"relu{layer.name[-1]}", outputs[layer.name])
        assert layer.mean == pytest.approx(float(output.mean()), rel=1e-3, abs=1e-6)
        assert layer.std == pytest.approx(float(output.flatten().std()), rel=1e-3, abs=1e-6)
        assert layer.zeros == pytest.approx(float((output == 0).float().mean()), abs=1e-4)
        dead = (output.transpose(0, 1).flatten(1) == 0).all(1).float().mean()
        expected = None if layer.name == "fc8" else pytest.approx(float(dead), abs=1e-6)
        assert layer.dead == expected


def test_gradients_and_updates_are_those_of_the_step(tmp_path: Path, images: Split):
    """Plain SGD without momentum moves the weights by the learning rate times the gradient."""
    engine = Engine(replace(CONFIG, momentum=0.0))
    recorder = Recorder(Run(tmp_path), engine, images)
    before = recorder.before_step()
    engine.step(images, torch.arange(16), 0, lr=0.05)
    recorder.after_step(before)
    recorder.record(1, 1.0)
    recorder.close()
    (snapshot,) = snapshots.follow(Run(tmp_path).snapshots)
    for layer in snapshot.layers:
        assert layer.gradient_norm is not None
        expected = 0.05 * layer.gradient_norm / float(before[layer.name].norm())
        assert layer.update_ratio == pytest.approx(expected, rel=1e-3)


def test_recording_does_not_change_the_weights(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Recorder, "due", lambda self, step: False)
    monkeypatch.setattr(Recorder, "record", lambda *_, **__: None)
    unrecorded = Run(tmp_path / "unrecorded")
    prepare(unrecorded.directory, CONFIG)
    train(unrecorded)
    one, other = (checkpoint.load(each.last)[0] for each in (run, unrecorded))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_some_epochs_are_kept(run: Run):
    names = sorted(path.name for path in run.best.parent.glob("epoch-*"))
    assert names == ["epoch-002.safetensors", "epoch-003.safetensors"]


def test_current_weights_are_written_on_request(tmp_path: Path):
    run = Run(tmp_path / "run")
    prepare(run.directory, CONFIG)
    run.weights_request.touch()
    assert train(run, request="pause") == "paused"  # after the first step
    assert not run.weights_request.exists()
    model, info = checkpoint.load_weights(run.now)
    assert (info["step"], info["epoch"]) == (1, 0)
    for name, tensor in checkpoint.load_weights(run.last)[0].state_dict().items():
        assert torch.allclose(model.state_dict()[name], tensor, atol=0.01)


def test_a_snapshot_beyond_the_budget_is_skipped(tmp_path: Path, images: Split):
    recorder = Recorder(Run(tmp_path), Engine(CONFIG), images)
    recorder._began -= 1.0  # ten steps a second: six seconds in all
    recorder.seconds = 0.05
    assert recorder.due(11)
    recorder.seconds = 0.07
    assert not recorder.due(11)
    assert recorder.due(20)
    recorder.close()


def test_pins_can_change_during_a_run(tmp_path: Path, images: Split):
    run = Run(tmp_path)
    recorder = Recorder(run, Engine(CONFIG), images)
    recorder.record(0, 0.0)
    for step, count in ((10, 2), (20, 0)):
        pins.write(run.pins, pins.defaults()[:count])
        recorder.record(step, step / 10)
    recorder.close()
    assert [len(snapshot.pins) for snapshot in snapshots.follow(run.snapshots)] == [0, 2, 0]


def test_a_diverged_network_gives_no_snapshot(tmp_path: Path, images: Split):
    engine = Engine(CONFIG)
    engine.model.get_parameter("net.fc8.weight").data.fill_(float("nan"))
    recorder = Recorder(Run(tmp_path), engine, images)
    recorder.record(10, 1.0)
    recorder.close()
    assert snapshots.follow(Run(tmp_path).snapshots) == []
