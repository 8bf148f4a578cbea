"""Devices and measurements of them."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import torch

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.network import device, timing
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.settings.paths import ROOT
from alexnet_demo.training import probe

CPU = torch.device("cpu")


def test_the_cpu_is_always_there_with_its_memory():
    found = device.available()[-1]
    assert found.id == "cpu"
    assert found.name
    assert found.memory > 2**30


def test_auto_takes_a_gpu_where_there_is_one_and_an_absent_one_is_refused():
    if torch.cuda.is_available():
        assert str(device.resolve("auto")) == "cuda:0"
    elif not torch.backends.mps.is_available():
        assert str(device.resolve("auto")) == "cpu"
    with pytest.raises(ConfigError, match=r"no device 'cuda:99' here: use auto or one of .*cpu"):
        device.resolve("cuda:99")


def test_precision_follows_the_measurement_and_fp16_is_refused_on_a_cpu(monkeypatch):
    for faster, chosen in (("bf16", "bf16"), ("fp32", "fp32")):
        monkeypatch.setattr(
            timing,
            "best_interleaved",
            lambda works, *_, f=faster, **__: {n: 1.0 if n == f else 2.0 for n in works},
        )
        assert timing.choose_precision("auto", CPU) == chosen
    assert timing.choose_precision("bf16", CPU) == "bf16"
    with pytest.raises(ConfigError, match="fp16 needs a CUDA GPU"):
        timing.choose_precision("fp16", CPU)


def test_memory_format_is_channels_last_unless_clearly_slower(monkeypatch):
    for slowness, chosen in ((1.1, "channels_last"), (1.5, "contiguous")):
        found = {"channels_last": slowness, "contiguous": 1.0}
        monkeypatch.setattr(timing, "best_interleaved", lambda *_, f=found, **__: f)
        assert timing.choose_memory_format("auto", CPU, "fp32") == chosen
    assert timing.choose_memory_format("contiguous", CPU, "fp32") == "contiguous"


def test_measurements_take_turns_and_give_up_on_the_hopeless():
    ran: list[str] = []

    def slow() -> None:
        ran.append("slow")
        time.sleep(0.02)

    works = {"slow": slow, "fast": lambda: ran.append("fast")}
    best = timing.best_interleaved(works, CPU, rounds=50, hopeless=5.0)
    assert ran == ["slow", "fast"] * 4  # once to warm up, then three rounds
    assert best["slow"] >= 0.02 > best["fast"]


def test_freed_memory_stays_with_the_process():
    """After `keep_freed_memory` a second large buffer costs next to no page faults."""
    if sys.platform != "linux":
        pytest.skip("only glibc on Linux hands memory back")
    code = (
        "import resource, sys, torch\n"
        "from alexnet_demo.network.device import keep_freed_memory\n"
        "if sys.argv[1] == 'keep': keep_freed_memory()\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(12): torch.ones(32_000_000)\n"  # finds its place in the heap
        "before = faults()\n"
        "for _ in range(5): torch.ones(32_000_000)\n"
        "print(faults() - before)\n"
    )
    kept, handed_back = (
        int(subprocess.check_output([sys.executable, "-c", code, how], cwd=ROOT))
        for how in ("keep", "default")
    )
    assert kept < 0.5 * handed_back


def test_autocast_runs_in_the_precision_asked_for():
    layer, x = torch.nn.Linear(2, 2), torch.ones(1, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with device.autocast(CPU, precision):
            assert layer(x).dtype == dtype


def test_saved_bytes_are_the_activations():
    """At least each convolution's and linear's input must be kept; parameters are not counted."""
    model, x = AlexNet(width=0.0625), torch.rand(2, 1, 224, 224)
    seen = []
    for layer in model.net:
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].numel() * 4))
    model(x)
    inputs = sum(seen)
    per_image, constant = probe._saved_bytes(model, x, torch.tensor([0, 1]), "fp32")
    assert inputs <= 2 * per_image <= 6 * inputs
    assert constant < 0.05 * inputs


def test_weights_in_a_shorter_precision_are_no_activations():
    model, y = AlexNet(width=0.125), torch.zeros(8, dtype=torch.long)
    found = [
        probe._saved_bytes(model, torch.rand(count, 1, 224, 224), y[:count], "bf16")
        for count in (2, 8)
    ]
    assert found[0][0] == pytest.approx(found[1][0], rel=0.05)
    weights = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    assert found[1][1] == pytest.approx(2 * weights, rel=0.3)


def test_probe_gives_what_the_page_needs():
    found = probe.probe(TrainConfig(width=0.0625, batch_size=4, device="cpu"))
    (speed,) = found["speeds"]
    assert found["devices"][-1]["id"] == speed["device"] == "cpu"
    assert 0 < speed["test_seconds_per_image"] < 10 * speed["seconds_per_image"]
    assert speed["width"] == 0.0625
    # Weights, gradients, and the copy that is written
    weights = 12 * sum(p.numel() for p in AlexNet(width=0.0625).parameters())
    assert speed["parameter_bytes"] == pytest.approx(weights, rel=0.3)


def test_probe_measures_every_width_of_a_growing_training():
    config = TrainConfig(width=0.125, grow="0.5:0.5", epochs=2, batch_size=4, device="cpu")
    assert [speed["width"] for speed in probe.probe(config)["speeds"]] == [0.0625, 0.125]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands a peak on")
def test_peak_memory_is_not_that_of_whoever_started_the_process():
    code = (
        "import subprocess, sys; held = bytearray(2_000_000_000)\n"
        "ask = 'import torch; from alexnet_demo.network.device import peak_memory;'\n"
        "ask += 'print(peak_memory(torch.device(\"cpu\")))'\n"
        "print(subprocess.check_output([sys.executable, '-c', ask], text=True))"
    )
    told = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT)
    assert 100e6 < int(told) < 1.5e9
