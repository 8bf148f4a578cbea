"""Precision and memory format follow interleaved measurements."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from alexnet_demo.common.errors import ConfigError
from alexnet_demo.network import device, timing

CPU = torch.device("cpu")


@pytest.fixture
def capability(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Sets the compute capability of ``cuda:0``."""

    def set_capability(*capability: int) -> None:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)

    return set_capability


@pytest.mark.parametrize("units", [True, False])
def test_a_cpus_precision_is_that_of_its_units_whatever_is_faster_now(monkeypatch, units):
    monkeypatch.setattr(timing, "has_bf16_units", lambda _: units)
    monkeypatch.delattr(timing, "best_interleaved")
    assert timing.choose_precision("auto", CPU) == ("bf16" if units else "fp32")
    assert timing.choose_precision("bf16", CPU) == "bf16"


@pytest.mark.parametrize(
    ("limit", "amx", "units"),
    [
        ("", True, True),
        ("", False, False),
        ("AVX512_CORE", True, False),
        ("avx512_core_vnni", True, False),
        ("AVX512_CORE_BF16", True, True),
        ("AVX512_CORE_AMX", True, True),
        ("DEFAULT", True, True),
    ],
)
def test_onednn_may_be_told_not_to_use_bf16_units(monkeypatch, limit, amx, units):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert device.has_bf16_units(CPU) == units


@pytest.mark.parametrize(
    ("gpu", "fp16_seconds", "precision"),
    [
        ((8, 0), 0.1, "bf16"),
        ((12, 0), 0.1, "bf16"),
        ((7, 5), 0.2, "fp16"),
        ((6, 1), 0.9, "fp32"),
        ((6, 1), 64.0, "fp32"),
    ],
)
def test_a_gpu_without_bf16_units_uses_fp16_where_it_is_clearly_faster(
    monkeypatch, capability, gpu, fp16_seconds, precision
):
    capability(*gpu)
    monkeypatch.setattr(timing, "_matmul", lambda *_: None)
    seconds = {"fp32": 1.0, "fp16": fp16_seconds}
    monkeypatch.setattr(timing, "best_interleaved", lambda *_, **__: seconds)
    assert timing.choose_precision("auto", torch.device("cuda:0")) == precision
    assert device.has_tf32(torch.device("cuda:0")) == (precision == "bf16")


@pytest.fixture
def backends(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """PyTorch's settings for products and for convolutions, restored after the test."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    backends: list[Any] = [torch.backends.cuda.matmul, torch.backends.cudnn]
    before = [backend.allow_tf32 for backend in backends]
    yield backends
    for backend, allow in zip(backends, before, strict=True):
        backend.allow_tf32 = allow


def test_convolutions_and_products_use_tf32_alike(monkeypatch, backends):
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    for backend in backends:
        backend.allow_tf32 = False
    device.prepare(CPU)
    assert not any(backend.allow_tf32 for backend in backends)
    device.prepare(torch.device("cuda:0"))
    assert all(backend.allow_tf32 for backend in backends)
    assert torch.backends.cudnn.benchmark and not device.has_tf32(CPU)


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
