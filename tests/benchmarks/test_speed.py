"""The benchmark: medians of canned rounds, and a real measurement of a narrow network."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from alexnet_demo.benchmarks import speed
from alexnet_demo.cli.main import main
from alexnet_demo.common.errors import ConfigError
from alexnet_demo.network.alexnet import AlexNet


def test_figures_are_medians_of_the_rounds(monkeypatch: pytest.MonkeyPatch):
    """Canned turns, the two sides in turn; the third round is an outlier."""
    about: speed.Record = {"device": "cpu", "device_name": "a CPU", "precision": "fp32"}
    about |= {"memory_format": "contiguous", "overhead_share": 0.01}
    turns: list[str] = []

    @contextmanager
    def worker(side, *_):
        name = side.__name__
        seconds = iter([9.0, 4.0, 5.0, 50.0] if name == "article_loop" else [1.0, 2.0, 2.0])
        first = [about] if name == "_engine_loop" else []

        def turn():
            turns.append(name)
            if first:
                return first.pop()
            flops = {"step_flops": 90.0, "matmul_flops": 100.0}
            return {"images": 128, "seconds": next(seconds), **flops}

        yield turn

    monkeypatch.setattr(speed, "worker", worker)
    monkeypatch.setattr(speed, "inference", lambda *_: {})
    report = speed.bench(rounds=3)
    assert turns == ["_engine_loop", "article_loop"] + ["article_loop", "_engine_loop"] * 3
    assert (report["article_images_per_s"], report["engine_images_per_s"]) == (25.6, 64.0)
    assert (report["ratio"], report["ratio_spread"]) == (4.0, [2.5, 25.0])
    assert (report["matmul_share"], report["device_name"]) == (0.9, "a CPU")


@pytest.mark.slow
def test_a_real_measurement_of_a_narrow_network(capsys: pytest.CaptureFixture[str]):
    arguments = ["bench", "--width", "0.0625", "--rounds", "1", "--precision", "fp32", "--json"]
    assert main([*arguments, "--device", "cpu"]) == 0
    report = json.loads(capsys.readouterr().out)
    for name in ("article_images_per_s", "engine_images_per_s", "ratio", "step_flops_per_s"):
        assert report[name] > 0
    assert report["overhead_share"] > 0
    inference = report["inference"]
    assert {"ours", "eager_fp32"} <= inference["latency_ms"].keys()
    for name in inference["latency_ms"]:
        assert inference["same_labels"][name] >= 0.9
        assert inference["greatest_difference"][name] < 0.02
    assert f"{report['ratio']} times as fast" in speed.format_report(report)


def test_flops_are_those_of_the_layers():
    """One product forward and two backward per layer; conv1 needs no gradient of its input."""
    model, x = AlexNet(width=0.0625), torch.rand(2, 1, 224, 224)
    macs = []
    for layer in model.net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(
                lambda m, _i, out: macs.append(out.numel() * m.weight[0].numel())
            )
    model(x)
    macs_of_all, macs_of_conv1 = sum(macs), macs[0]
    counted = speed.step_flops(model, x)
    assert counted == 2 * (3 * macs_of_all - macs_of_conv1)


def test_an_error_in_a_worker_process_reaches_the_caller():
    with (
        speed.worker(speed._engine_loop, "cuda:77", "fp32", 1.0) as turn,
        pytest.raises(ConfigError, match="no device 'cuda:77'"),
    ):
        turn()
