"""What is recorded while a network learns: equal to what is measured apart, and in nobody's way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from alexnet_demo.data.splits import Split, load_split
from alexnet_demo.network import checkpoint
from alexnet_demo.network.grad_cam import grad_cam
from alexnet_demo.network.input import to_input
from alexnet_demo.runs import pins, snapshots
from alexnet_demo.runs.events import EventWriter
from alexnet_demo.runs.pins import Pin
from alexnet_demo.runs.run import Run
from alexnet_demo.runs.snapshots import Snapshot
from alexnet_demo.runs.store import prepare
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.engine import Engine
from alexnet_demo.training.recorder import FIRST_EPOCH, PROBES, Recorder
from alexnet_demo.training.trainer import Trainer

TINY = TrainConfig(
    width=0.0625,
    epochs=3,
    batch_size=16,
    lr=0.05,
    momentum=0.9,
    init="kaiming",
    train_samples=320,
    test_samples=80,
    device="cpu",
    precision="fp32",
    keep_epochs=2,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("runs") / "20260101-000000-article-aa")
    prepare(run.directory, TINY)
    sketch = np.zeros((56, 56), np.uint8)
    sketch[10:40, 20:30] = 255
    pins.write(run.pins, [*pins.defaults()[:3], Pin("a line", sketch)])
    events = EventWriter(run.events)
    Trainer(TINY, run.directory, events).run()
    events.close()
    return run


@pytest.fixture(scope="module")
def found(run: Run) -> list[Snapshot]:
    return snapshots.follow(run.snapshots)


@pytest.fixture(scope="module")
def tested() -> Split:
    return load_split(train=False).head(TINY.test_samples)


def test_before_in_and_after_each_epoch(found: list[Snapshot]):
    """Twenty steps in the first epoch; how many are looked at depends on the time they take."""
    steps = [moment.step for moment in found]
    assert steps == sorted(set(steps))
    assert steps[0] == 0
    assert {20, 40, 60} <= set(steps)
    assert len([step for step in steps if step < 20]) <= FIRST_EPOCH + 1 + 20 % FIRST_EPOCH
    assert not [step for step in steps if 20 < step < 40]
    assert [moment.accuracy is None for moment in found] == [s not in (20, 40, 60) for s in steps]


def test_accuracy_and_confusion_are_those_of_the_epoch(run: Run, found: list[Snapshot]):
    for epoch, moment in zip(run.history.epochs, found[-3:], strict=True):
        assert moment.accuracy == epoch["test_accuracy"]
        counts = np.array(moment.confusion)
        assert counts.sum() == TINY.test_samples
        assert np.trace(counts) / counts.sum() == pytest.approx(epoch["test_accuracy"])


def test_the_confusion_has_truth_in_its_rows(found: list[Snapshot], tested: Split):
    truth = torch.bincount(tested.labels, minlength=10).tolist()
    assert np.array(found[-1].confusion).sum(1).tolist() == truth


def test_pins_are_seen_as_the_kept_network_sees_them(run: Run, found: list[Snapshot]):
    """The weights of the last epoch were kept in 8 bits, hence not quite the same."""
    model, info = checkpoint.load_weights(run.epoch_weights(3))
    assert info["epoch"] == 3
    assert [pin.id for pin in pins.read(run.pins)] == list(found[-1].pins)
    for pin in pins.read(run.pins):
        with torch.no_grad():
            x = to_input(torch.from_numpy(pin.pixels.copy())[None])
            expected = model(x).softmax(1)[0]
        seen = found[-1].pins[pin.id]
        assert seen.probabilities == pytest.approx(expected.tolist(), abs=0.02)
        heat = grad_cam(model, pin.pixels[None], torch.tensor([seen.top_class]))[0]
        assert np.abs(seen.heat / 255 - heat).mean() < 0.03


def test_filters_are_conv1s(run: Run, found: list[Snapshot]):
    model, _ = checkpoint.load_weights(run.last)
    weights = model.net.get_submodule("conv1").weight.detach()[:, 0].numpy()  # type: ignore[operator]
    moment = found[-1]
    assert moment.filter_max == pytest.approx(np.abs(weights).max(), rel=1e-5)
    assert (
        np.abs((moment.filters / 127.5 - 1) * moment.filter_max - weights).max()
        <= moment.filter_max / 127
    )


def test_layers_are_what_a_second_look_finds(run: Run, found: list[Snapshot], tested: Split):
    model, _ = checkpoint.load_weights(run.last)
    outputs: dict[str, torch.Tensor] = {}
    for name, module in model.net.named_children():
        module.register_forward_hook(lambda _m, _i, out, name=name: outputs.update({name: out}))
    with torch.no_grad():
        model(to_input(tested.images[:PROBES]))
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    for layer in found[-1].layers:
        weight = weights[f"net.{layer.name}.weight"]
        assert layer.weight_norm == pytest.approx(float(weight.flatten().norm()), rel=1e-4)
        output = outputs.get(f"relu{layer.name[-1]}", outputs[layer.name])
        assert layer.mean == pytest.approx(float(output.mean()), rel=1e-3, abs=1e-6)
        assert layer.std == pytest.approx(float(output.flatten().std()), rel=1e-3, abs=1e-6)
        assert layer.zeros == pytest.approx(float((output == 0).float().mean()), abs=1e-4)
        if layer.name == "fc8":
            assert layer.dead is None
        else:
            channels = output.transpose(0, 1).flatten(1)
            dead = (channels == 0).all(1).float().mean()
            assert layer.dead == pytest.approx(float(dead), abs=1e-6)


def test_gradients_and_changes_are_those_of_the_step(tmp_path: Path, tested: Split):
    """Plain SGD without momentum moves the weights by the learning rate times the gradient."""
    config = TrainConfig(**{**TINY.to_json(), "momentum": 0.0, "precision": "fp32"})
    engine = Engine(config)
    watch = Recorder(Run(tmp_path), engine, tested)
    before = watch.before_step()
    engine.step(tested, torch.arange(16), 0, lr=0.05)
    watch.after_step(before)
    watch.record(1, 1.0)
    watch.close()
    (moment,) = snapshots.follow(tmp_path / "moments.jsonl")
    for layer in moment.layers:
        old = before[layer.name].norm()
        assert layer.gradient_norm is not None
        assert layer.update_ratio == pytest.approx(
            0.05 * layer.gradient_norm / float(old), rel=1e-3
        )


def test_watching_changes_nothing(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Recorder, "due", lambda self, step: False)
    monkeypatch.setattr(Recorder, "record", lambda self, *given: None)
    blind = Run(tmp_path / "blind")
    prepare(blind.directory, TINY)
    events = EventWriter(blind.events)
    Trainer(TINY, blind.directory, events).run()
    events.close()
    seen, unseen = (checkpoint.load(each.last)[0] for each in (run, blind))
    assert seen.keys() == unseen.keys()
    assert all(torch.equal(seen[name], unseen[name]) for name in seen)


def test_some_epochs_are_kept(run: Run):
    names = sorted(path.name for path in run.best.parent.glob("epoch-*"))
    assert names == ["epoch-002.safetensors", "epoch-003.safetensors"]


def test_weights_as_they_are_now_are_written_for_who_asks(tmp_path: Path):
    run = Run(tmp_path / "run")
    prepare(run.directory, TINY)
    run.weights_request.touch()
    events = EventWriter(run.events)
    trainer = Trainer(TINY, run.directory, events)
    trainer.signal_request = "pause"  # after the first step
    assert trainer.run() == "paused"
    events.close()
    assert not run.weights_request.exists()
    model, info = checkpoint.load_weights(run.now)
    last, _ = checkpoint.load_weights(run.last)
    assert (info["step"], info["epoch"]) == (1, 0)
    for name, tensor in last.state_dict().items():
        assert torch.allclose(model.state_dict()[name], tensor, atol=0.01)


def test_a_look_is_left_out_where_it_would_cost_too_much(tmp_path: Path, tested: Split):
    watch = Recorder(Run(tmp_path), Engine(TINY), tested)
    watch._began -= 1.0  # ten steps a second: six seconds in all
    watch.seconds = 0.05
    assert watch.due(11)
    watch.seconds = 0.07
    assert not watch.due(11)
    assert watch.due(20)
    watch.close()


def test_pins_added_on_the_way_are_seen_from_then_on(tmp_path: Path, tested: Split):
    run = Run(tmp_path)
    watch = Recorder(run, Engine(TINY), tested)
    watch.record(0, 0.0)
    pins.write(run.pins, pins.defaults()[:2])
    watch.record(10, 1.0)
    pins.write(run.pins, [])
    watch.record(20, 2.0)
    watch.close()
    assert [len(moment.pins) for moment in snapshots.follow(run.snapshots)] == [0, 2, 0]


def test_a_diverged_network_leaves_no_moment(tmp_path: Path, tested: Split):
    engine = Engine(TINY)
    with torch.no_grad():
        engine.model.net.get_submodule("fc8").weight.fill_(float("nan"))  # type: ignore[operator]
    watch = Recorder(Run(tmp_path), engine, tested)
    watch.record(10, 1.0)
    watch.close()
    assert snapshots.follow(tmp_path / "moments.jsonl") == []
