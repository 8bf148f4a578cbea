"""Precision and memory format follow interleaved measurements."""

from __future__ import annotations

import time

import pytest
import torch

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.network import timing

CPU = torch.device("cpu")


@pytest.mark.parametrize(("bf16_seconds", "choice"), [(0.5, "bf16"), (0.9, "fp32"), (2.0, "fp32")])
def test_bfloat16_is_chosen_where_it_is_clearly_faster(monkeypatch, bf16_seconds, choice):
    seconds = {"fp32": 1.0, "bf16": bf16_seconds}
    monkeypatch.setattr(timing, "best_interleaved", lambda *_, **__: seconds)
    assert timing.choose_precision("auto", CPU) == choice
    assert timing.choose_precision("bf16", CPU) == "bf16"


def test_fp16_is_refused_on_a_cpu():
    with pytest.raises(ConfigError, match=r"fp16.*CUDA"):
        timing.choose_precision("fp16", CPU)


@pytest.mark.parametrize(("slowness", "choice"), [(1.1, "channels_last"), (1.5, "contiguous")])
def test_memory_format_is_channels_last_unless_clearly_slower(monkeypatch, slowness, choice):
    seconds = {"channels_last": slowness, "contiguous": 1.0}
    monkeypatch.setattr(timing, "best_interleaved", lambda *_, **__: seconds)
    assert timing.choose_memory_format("auto", CPU, "fp32") == choice
    assert timing.choose_memory_format("contiguous", CPU, "fp32") == "contiguous"


def test_memory_format_is_contiguous_on_mps_whatever_is_requested():
    for requested in ("auto", *timing.MEMORY_FORMATS):
        chosen = timing.choose_memory_format(requested, torch.device("mps"), "fp32")
        assert chosen == "contiguous"


def test_measurements_are_interleaved_and_stop_early_if_one_is_hopeless():
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        time.sleep(0.02)

    works = {"slow": slow, "fast": lambda: calls.append("fast")}
    best = timing.best_interleaved(works, CPU, rounds=50, hopeless=5.0)
    assert calls == ["slow", "fast"] * 4  # once to warm up, then three rounds
    assert best["slow"] >= 0.02 > best["fast"]
