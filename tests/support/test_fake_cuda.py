"""The stand-in for a GPU sees what a GPU would make the host wait for, and no more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from alexnet_demo.data.batch_random import constant
from tests.support import fake_cuda as fakes
from tests.support.fake_cuda import CUDA, OperationCounter, fake_cuda

WAITING: dict[str, Callable[[Tensor], object]] = {
    "a value": lambda x: x.sum().item(),
    "a condition": lambda x: bool((x > 0).any()),
    "a copy to the host": lambda x: x.cpu(),
    "a constant": lambda x: x + torch.tensor([1.0, 2.0, 3.0], device=x.device),
    "a mask": lambda x: x[x > 0],
    "values under a mask": lambda x: x.__setitem__(x > 0, 0.0),
    "an index on the host": lambda x: x[torch.arange(2)],
    "a count": lambda x: torch.bincount(x.long()),
    "positions": lambda x: x.nonzero(),
    "distinct values": lambda x: x.unique(),
    "the number of classes": lambda x: one_hot(x.long()),
}
ASYNCHRONOUS: dict[str, Callable[[Tensor], object]] = {
    "arithmetic": lambda x: (x + 1).clamp(0, 1).sum(),
    "a number": lambda x: torch.where(x > 0, x, 0.5),
    "an index": lambda x: x[torch.arange(2, device=x.device)],
    "a slice": lambda x: x[1:].clone(),
    "an asynchronous copy": lambda x: x.to("cpu", non_blocking=True),
}


def count(work: Callable[[Tensor], object]) -> OperationCounter:
    with fake_cuda() as counter:
        x = torch.zeros(3, device=CUDA)
        counter.clear()
        try:
            work(x)
        except Exception:  # values that fake tensors do not have
            assert counter.waits
    return counter


@pytest.mark.parametrize("name", WAITING)
def test_waits_are_counted(name: str) -> None:
    assert count(WAITING[name]).waits


@pytest.mark.parametrize("name", ASYNCHRONOUS)
def test_what_waits_for_nothing_is_not_counted(name: str) -> None:
    counter = count(ASYNCHRONOUS[name])
    assert not counter.waits
    assert counter.operations


def test_a_wait_is_told_with_its_place() -> None:
    counter = count(lambda x: constant((0.5, 1.0), x.device))
    (place,) = counter.waits
    assert place.startswith("batch_random.py:")


def test_views_are_no_operations() -> None:
    assert count(lambda x: x[:2].view(2, 1).expand(2, 4).T).operations.total() == 0
    assert count(lambda x: x[:2] * 2 + 1).operations == {"mul": 1, "add": 1}


def test_devices_do_not_mix() -> None:
    with fake_cuda(), pytest.raises(RuntimeError, match="device"):
        torch.zeros(3, device=CUDA) + torch.zeros(3)
    with fake_cuda(), pytest.raises(TypeError, match="copy it to the CPU"):
        torch.zeros(3, device=CUDA).numpy()
    with fake_cuda():
        assert torch.zeros(3, device=CUDA).cpu().numpy().dtype == np.float32


def test_a_generator_is_on_its_device() -> None:
    with fake_cuda():
        generator = torch.Generator(CUDA).manual_seed(3)
        assert generator.device == CUDA
        assert torch.rand(4, generator=generator, device=CUDA).device == CUDA
        assert torch.Generator().device.type == "cpu"


def test_its_backward_pass_equals_pytorchs(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, where both can run: gradients of all parameters, and of the input."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    model.append(nn.Linear(144, 3))
    x = torch.rand(5, 1, 8, 8, requires_grad=True)
    model(x).logsumexp(1).mean().backward()
    assert x.grad is not None
    expected = [x.grad, *(p.grad for p in model.parameters())]
    model.zero_grad()
    monkeypatch.setattr(torch.autograd, "_engine_run_backward", fakes._run_backward)
    x.grad = None
    model(x).logsumexp(1).mean().backward()
    (gradient,) = torch.autograd.grad(model(x).logsumexp(1).mean(), x)
    for own, value in zip([x.grad, *(p.grad for p in model.parameters())], expected, strict=True):
        torch.testing.assert_close(own, value)
    torch.testing.assert_close(gradient, expected[0])
