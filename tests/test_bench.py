"""The bench on a narrow network: real measurements, and figures that fit together."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from alexnet_demo import bench
from alexnet_demo.__main__ import main
from alexnet_demo.model import AlexNet


def test_the_figures_fit_together(capsys: pytest.CaptureFixture[str]):
    arguments = ["bench", "--width", "0.0625", "--rounds", "3", "--precision", "fp32", "--json"]
    assert main([*arguments, "--device", "cpu"]) == 0
    report = json.loads(capsys.readouterr().out)
    low, high = report["ratio_spread"]
    assert 0 < low <= report["ratio"] <= high
    rates = report["engine_images_per_s"] / report["article_images_per_s"]
    assert rates == pytest.approx(report["ratio"], rel=0.5)
    assert report["matmul_share"] == pytest.approx(
        report["step_flops_per_s"] / report["matmul_flops_per_s"], rel=0.5
    )
    assert 0 < report["overhead_share"] < 0.5
    inference = report["inference"]
    assert {"ours", "eager_fp32"} <= inference["latency_ms"].keys()
    for name in inference["latency_ms"]:
        assert inference["latency_ms"][name] < inference["batch_of_64_ms"][name]
        assert inference["same_labels"][name] >= 0.9
        assert inference["greatest_difference"][name] < 0.02
    text = bench.format_report(report)
    assert f"{report['ratio']} times as fast" in text


def test_flops_are_those_of_the_layers():
    """Forward and two products backward for each layer, but conv1 needs no gradient of pictures."""
    model, x = AlexNet(width=0.0625), torch.rand(2, 1, 224, 224)
    macs = []
    for layer in model.net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(
                lambda m, _i, out: macs.append(out.numel() * m.weight[0].numel())
            )
    model(x)
    macs_of_all, macs_of_conv1 = sum(macs), macs[0]
    counted = bench.step_flops(model, x)
    assert counted == 2 * (3 * macs_of_all - macs_of_conv1)


def test_a_side_that_breaks_off_is_a_sentence():
    with (
        bench.worker(bench._engine, "cuda:77", "fp32", 1.0) as turn,
        pytest.raises(RuntimeError, match="no device 'cuda:77'"),
    ):
        turn()
