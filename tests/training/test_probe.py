"""The probe measures every width of a run; saved bytes are those of the activations."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from alexnet_demo.network.alexnet import AlexNet, count_parameters
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training import probe
from alexnet_demo.training.engine import Engine


def test_saved_bytes_are_the_activations():
    """At least each convolution's and linear layer's input is saved; parameters do not count."""
    model, x = AlexNet(width=0.0625), torch.rand(2, 1, 224, 224)
    sizes = []
    for layer in model.net:
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(lambda _m, inputs, _o: sizes.append(inputs[0].numel() * 4))
    model(x)
    inputs = sum(sizes)
    per_image, constant = probe._saved_bytes(model, x, torch.tensor([0, 1]), "fp32")
    assert inputs <= 2 * per_image <= 6 * inputs
    assert constant < 0.05 * inputs


def test_weights_in_lower_precision_do_not_count_as_activations():
    model, y = AlexNet(width=0.125), torch.zeros(8, dtype=torch.long)
    (few, _), (many, constant) = (
        probe._saved_bytes(model, torch.rand(count, 1, 224, 224), y[:count], "bf16")
        for count in (2, 8)
    )
    assert few == pytest.approx(many, rel=0.05)
    weights = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    assert constant == pytest.approx(2 * weights, rel=0.3)


def test_every_width_of_a_growing_run_is_measured():
    config = TrainConfig(width=0.125, grow="0.5:0.5", epochs=2, batch_size=4, device="cpu")
    result = probe.probe(config)
    narrow, full = result["speeds"]
    assert (narrow["width"], full["width"]) == (0.0625, 0.125)
    assert result["devices"][-1]["id"] == narrow["device"] == "cpu"
    assert 0 < narrow["test_seconds_per_image"] < 10 * narrow["seconds_per_image"]
    # Weights, gradients, and the copy that is written
    weights = 12 * count_parameters(AlexNet(width=0.0625))
    assert narrow["parameter_bytes"] == pytest.approx(weights, rel=0.3)


def test_nothing_is_compiled_for_an_estimate(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    probe.probe(TrainConfig(width=0.0625, batch_size=2, device="cpu", compile="on"))


def test_a_checkpoints_copy_is_in_the_hosts_memory():
    for momentum, (gpu, cpu) in {0.0: (2, 3), 0.9: (3, 5)}.items():
        config = TrainConfig(momentum=momentum)
        assert probe._copies(torch.device("cuda"), config) == gpu
        assert probe._copies(torch.device("cpu"), config) == cpu


def test_the_step_that_is_measured_is_the_engines(monkeypatch: pytest.MonkeyPatch):
    """With normalization, augmentation, and the layout that a run has; the weights stay."""
    configs = []
    step = Engine.step

    def spy(engine: Engine, *arguments: Any, **options: Any) -> Any:
        configs.append(engine.config)
        return step(engine, *arguments, **options)

    monkeypatch.setattr(Engine, "step", spy)
    settings = TrainConfig.from_recipe("best", width=0.0625, grow="", batch_size=4, device="cpu")
    engine = Engine(settings)
    before = [p.clone() for p in engine.model.parameters()]
    speed = probe.measure(engine)
    assert {c.norm for c in configs} == {True} and configs[0].drawings > 0
    assert all(map(torch.equal, before, engine.model.parameters()))
    assert speed.precision == engine.precision and not speed.tf32
    assert speed.test_seconds_per_image > 0 and speed.seconds_per_image > 0
