"""The guard: what it is fitted to, and what is stored."""

from __future__ import annotations

import torch

from alexnet_demo.inference.guard import Guard, fit_guard, guard_inputs

FEATURES = 40


def ring(count: int, radius: float, seed: int) -> torch.Tensor:
    """Inputs at this distance from the origin in the first two features; the rest is noise."""
    generator = torch.Generator().manual_seed(seed)
    inputs = 0.1 * torch.randn(count, FEATURES + 10, generator=generator)
    angle = 7 * torch.rand(count, generator=generator)
    inputs[:, 0], inputs[:, 1] = radius * angle.cos(), radius * angle.sin()
    return inputs


def test_a_guard_separates_what_no_plane_separates() -> None:
    guard = fit_guard(ring(8_000, 1.0, 0), ring(8_000, 3.0, 1))
    for radius, sign in ((1.0, 1), (3.0, -1)):
        new = ring(1_000, radius, 2)
        score = guard.score(new[:, FEATURES:], new[:, :FEATURES])
        assert score.shape == (1_000,)
        assert (score * sign > 0).float().mean() > 0.8


def test_the_inputs_are_features_then_logits() -> None:
    logits, features = torch.rand(3, 10), torch.rand(3, FEATURES).half()
    inputs = guard_inputs(logits, features)
    assert inputs.dtype == torch.float32
    assert torch.equal(inputs[:, FEATURES:], logits)
    assert torch.equal(inputs[:, :FEATURES], features.float())


def test_the_stored_tensors_are_small_and_exact() -> None:
    guard = fit_guard(torch.rand(300, 4106), torch.rand(300, 4106) / 2)
    stored = guard.tensors()
    assert sum(t.numel() * t.element_size() for t in stored.values()) < 300_000
    again = Guard.from_tensors(stored)
    assert again.fits(4096) and not again.fits(4095)
    new = torch.rand(5, 10), torch.rand(5, 4096)
    assert torch.equal(again.score(*new), guard.score(*new))
