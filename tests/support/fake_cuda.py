"""CUDA without a GPU: tensors with a device, a shape, and a memory layout, but without values.

PyTorch's `FakeTensorMode` runs every operation on those alone. It refuses to mix devices, as CUDA
does, and to read a value. So what runs inside `fake_cuda` needs neither a GPU nor time, and an
`OperationCounter` sees what it would make the host and the GPU do.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import alexnet_demo
from alexnet_demo.data.batch_random import constant
from alexnet_demo.data.garments import _handle_planes
from alexnet_demo.data.splits import Split
from alexnet_demo.data.warp import pixel_grid
from alexnet_demo.network import device as devices

CUDA = torch.device("cuda:0")
PACKAGE = str(Path(alexnet_demo.__file__).parent)
WAITING = {"_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "bincount"}
WAITING |= {"_unique", "_unique2", "unique_dim", "unique_consecutive", "repeat_interleave"}
"""Operations whose result the host needs before it can go on: a value, or a shape."""
COPYING = {"_to_copy", "copy_"}
INDEXING = {"index", "index_put", "index_put_"}
LAUNCHING_NOTHING = {"device", "lift_fresh", "detach", "_unsafe_view"}
LAUNCHING_NOTHING |= {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}
LAUNCHING_NOTHING |= {"_record_function_enter_new", "_record_function_exit"}
"""Operations without a kernel, apart from views."""


class OperationCounter(TorchDispatchMode):
    """Counts operations, and those for which the host waits until the device has finished.

    Attributes:
        operations: by name, those that launch a kernel on a device.
        waits: by the place in the package, as ``file.py:line``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = func._schema.name.split("::")[1]
        if not func.is_view and name not in LAUNCHING_NOTHING:
            self.operations[name] += 1
        if _waits(name, args, kwargs):  # noted first: fake tensors refuse most of these
            self.waits[_place()] += 1
        return func(*args, **kwargs)

    def clear(self) -> None:
        """Start counting again."""
        self.operations.clear()
        self.waits.clear()


def _waits(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    types = {tensor.device.type for tensor in tensors}
    if name in WAITING:
        return True
    if name in COPYING:
        target = kwargs.get("device")
        types |= {target.type} if target else set()
        asynchronous = kwargs.get("non_blocking") or any(arg is True for arg in args)
        return len(types) > 1 and not asynchronous
    if name in INDEXING:  # a mask's number of elements is the result's shape
        indices = [leaf for leaf in tree_leaves(args[1]) if isinstance(leaf, Tensor)]
        return len(types) > 1 or any(i.dtype in (torch.bool, torch.uint8) for i in indices)
    return False


def _place() -> str:
    frames = [f for f in traceback.extract_stack() if f.filename.startswith(PACKAGE)]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "outside"


class FakeCudaGenerator(torch.Generator):
    """The CPU's generator under the name of a GPU's, which a build without CUDA lacks."""

    device = CUDA

    def manual_seed(self, seed: int) -> FakeCudaGenerator:
        super().manual_seed(seed)
        return self  # the base class returns a plain generator


@contextmanager
def fake_cuda() -> Iterator[OperationCounter]:
    """Make ``cuda:0`` usable inside, by fake tensors; what is made outside stays as it is."""
    with ExitStack() as stack:
        for owner, name, value in (
            (devices, "resolve", lambda name, index=0: torch.device("cuda", index)),
            (devices, "info", lambda device: devices.DeviceInfo("cuda:0", "GPU", 2**33, "GPU-0")),
            (torch.cuda, "get_device_capability", lambda device=None: (8, 0)),
            (torch, "Generator", _generator),
            (nn.Module, "_apply", _apply),
            (torch.autograd, "_engine_run_backward", _run_backward),
            (FakeTensor, "numpy", _numpy),
            (torch.cuda, "set_device", lambda device: None),
            (torch.cuda, "is_bf16_supported", lambda: True),
            (torch.cuda.amp.common, "amp_definitely_not_available", lambda: False),
        ):
            stack.enter_context(patch.object(owner, name, value))
        for cached in (constant, pixel_grid, _handle_planes):  # fake tensors belong to one mode
            cached.cache_clear()
            stack.callback(cached.cache_clear)
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        yield stack.enter_context(OperationCounter())


def _apply(
    module: nn.Module, change: Callable[[Tensor], Tensor], recurse: bool = True
) -> nn.Module:
    """`nn.Module._apply` with new parameters, since fake ones cannot be changed in place."""
    for each in module.modules() if recurse else [module]:
        for name, parameter in each._parameters.items():
            if parameter is not None:
                changed = change(parameter.detach())
                each._parameters[name] = nn.Parameter(changed, parameter.requires_grad)
        for name, buffer in each._buffers.items():
            if buffer is not None:
                each._buffers[name] = change(buffer)
    return module


@torch.no_grad()
def _run_backward(
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor],
    keep_graph: bool,
    create_graph: bool,
    inputs: Sequence[Tensor],
    allow_unreachable: bool,
    accumulate_grad: bool,
) -> tuple[Tensor | None, ...]:
    """What PyTorch's engine does, which insists on a CUDA context for CUDA's tensors.

    Returns:
        The gradients of ``inputs``; those of all leaves are in ``grad`` if ``accumulate_grad``.
    """
    assert not create_graph
    pending: dict[Node, list[Tensor | None]] = {}
    for output, gradient in zip(outputs, gradients, strict=True):
        _add(pending, get_gradient_edge(output), gradient)
    wanted = [get_gradient_edge(tensor).node for tensor in inputs]
    results: dict[Node, Tensor | None] = {}
    for node in _topological_order(list(pending)):
        arrived = pending.pop(node, [])
        if node in wanted:
            results[node] = arrived[0]
        if not any(gradient is not None for gradient in arrived):
            continue
        if not accumulate_grad and not node.next_functions:
            continue
        passed_on = node(*arrived)  # type: ignore[operator]
        passed_on = passed_on if isinstance(passed_on, tuple) else (passed_on,)
        for (target, number), gradient in zip(node.next_functions, passed_on, strict=False):
            if target is not None and gradient is not None:
                _add(pending, GradientEdge(target, number), gradient)
    return tuple(results.get(node) for node in wanted)


def _add(pending: dict[Node, list[Tensor | None]], edge: GradientEdge, gradient: Tensor) -> None:
    """Add to the gradients that have arrived for an edge, in the shape and type of its tensor."""
    metadata = edge.node._input_metadata
    arrived = pending.setdefault(edge.node, [None] * len(metadata))
    expected = metadata[edge.output_nr]
    assert gradient.device == expected.device
    gradient = gradient.sum_to_size(expected.shape).to(expected.dtype)
    before = arrived[edge.output_nr]
    arrived[edge.output_nr] = gradient if before is None else before + gradient


def _topological_order(roots: Sequence[Node]) -> list[Node]:
    """The nodes that can be reached from these, each before those to which it passes gradients."""
    graph: dict[Node, list[Node]] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in graph:
            graph[node] = [target for target, _ in node.next_functions if target is not None]
            stack += graph[node]
    return list(TopologicalSorter(graph).static_order())[::-1]


def _numpy(tensor: Tensor) -> np.ndarray:
    """Zeros in place of values; refuses a tensor on a GPU, as PyTorch does."""
    if tensor.device.type != "cpu":
        raise TypeError(
            f"A tensor on {tensor.device} has no numpy array: copy it to the CPU first."
        )
    return np.zeros(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


_Generator = torch.Generator


def _generator(device: torch.device | str = "cpu") -> torch.Generator:
    return _Generator() if torch.device(device).type == "cpu" else FakeCudaGenerator()


def fake_split(count: int) -> Split:
    """Images and labels on ``cuda:0``; only inside `fake_cuda`."""
    images = torch.empty(count, 28, 28, dtype=torch.uint8, device=CUDA)
    return Split(images, torch.empty(count, dtype=torch.long, device=CUDA))
