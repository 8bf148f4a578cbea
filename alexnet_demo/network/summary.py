"""Layer records measured from a network by forward hooks: shapes, parameters, work, memory.

Measure first, format afterwards: `summarize` gives records, and tables and figures are made
from those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from alexnet_demo.common.text import dimensions

BYTES_PER_VALUE = 4  # float32

Shape = tuple[int, ...]
# For each position along one side of a feature map, the first and last input pixel it can see.
Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Layer:
    """One module of the network as it was seen at work on one picture.

    Shapes leave out the batch: (channels, height, width) or (units,). Kernel, stride and padding
    are pixels along one side, None where the layer has no window.

    Attributes:
        params: trainable values; ``params_formula`` is how they come about, empty where 0.
        macs: multiply-accumulate operations a picture; ReLU and pooling do none.
        receptive_field: side in pixels of the part of the input that one output unit can see,
            clipped at the picture's edge; the largest over all units.
        spans: first and last input pixel that each output position along a side can see.
    """

    name: str
    type: str
    kernel: int | None
    stride: int | None
    padding: int | None
    input_shape: Shape
    output_shape: Shape
    params: int
    params_formula: str
    macs: int
    macs_formula: str
    receptive_field: int
    spans: tuple[tuple[int, int], ...]

    @property
    def kind(self) -> str:
        """What the layer is to a reader: conv, pool, fc, or "" for the ones without a window."""
        return {"Conv2d": "conv", "MaxPool2d": "pool", "Linear": "fc"}.get(self.type, "")

    @property
    def activation_bytes(self) -> int:
        """Memory of the layer's output for one picture in float32."""
        return prod(self.output_shape) * BYTES_PER_VALUE

    @property
    def size_formula(self) -> str:
        """How the output's side comes about, such as ``⌊(224 − 11)/4⌋ + 1 = 54``; else empty."""
        if self.kernel is None:
            return ""
        padding = f" + 2·{self.padding}" if self.padding else ""
        reach = f"{self.input_shape[-1]}{padding} − {self.kernel}"
        return f"⌊({reach})/{self.stride}⌋ + 1 = {self.output_shape[-1]}"

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "kernel": self.kernel,
            "stride": self.stride,
            "padding": self.padding,
            "input_shape": list(self.input_shape),
            "output_shape": list(self.output_shape),
            "params": self.params,
            "params_formula": self.params_formula,
            "macs": self.macs,
            "receptive_field": self.receptive_field,
            "activation_bytes": self.activation_bytes,
        }


@dataclass(frozen=True)
class Summary:
    """All layers in the order in which they ran, and two totals counted in another way.

    Attributes:
        input_shape: (channels, height, width) of the picture that was run.
        counted_params: values in the network's own list of parameters.
        counted_macs: half of what PyTorch's operation counter saw in the same forward pass.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    counted_params: int
    counted_macs: int

    @property
    def total_params(self) -> int:
        """The layers' parameters, summed again."""
        return sum(layer.params for layer in self.layers)

    @property
    def total_macs(self) -> int:
        """The layers' multiply-accumulates, summed again."""
        return sum(layer.macs for layer in self.layers)

    @property
    def consistent(self) -> bool:
        """Whether the sums over the layers agree with the totals counted in another way."""
        return (self.total_params, self.total_macs) == (self.counted_params, self.counted_macs)

    def share(self, kind: str, what: str) -> float:
        """The part, 0 to 1, of ``what`` ("params" or "macs") that a kind of layer has."""
        part = sum(getattr(layer, what) for layer in self.layers if layer.kind == kind)
        return part / sum(getattr(layer, what) for layer in self.layers)

    def nested_receptive_fields(self, name: str) -> list[tuple[str, tuple[int, int]]]:
        """How a layer comes to see what it sees: nested parts of the picture, smallest first.

        The last is what the layer's middle unit sees, the one before it what the unit in the
        middle of that one's window sees in the layer below, and so on up to the first window.

        Returns:
            For each layer with a window up to the one named, and for that one itself, its name and
            the first and last pixel seen along a side.

        Raises:
            KeyError: when there is no layer of that name.
        """
        frames: list[tuple[str, tuple[int, int]]] = []
        place: int | None = None  # along a side of the feature map
        for layer in reversed(self.layers[: self.layers.index(self[name]) + 1]):
            if place is None and len(layer.output_shape) == 3:
                place = len(layer.spans) // 2
            if layer.name == name or layer.kernel is not None:
                frames.append((layer.name, layer.spans[place or 0]))
            if layer.kernel is not None and layer.stride and place is not None:
                middle = place * layer.stride - (layer.padding or 0) + layer.kernel // 2
                place = min(max(0, middle), layer.input_shape[-1] - 1)
        return frames[::-1]

    def __getitem__(self, name: str) -> Layer:
        """The layer of that name.

        Raises:
            KeyError: when there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        return {
            "layers": [layer.to_json() for layer in self.layers],
            "total_params": self.total_params,
            "total_macs": self.total_macs,
        }


def summarize(model: nn.Module, input_shape: Shape | None = None) -> Summary:
    """Run one blank picture through a network and record every layer on the way.

    The network stays on its device; on PyTorch's ``meta`` device nothing is computed and no
    memory is taken, yet all shapes come out the same.

    Args:
        model: a chain of layers with square windows, such as `AlexNet`.
        input_shape: (channels, height, width); what an `AlexNet` was built for by default.
    """
    shape = input_shape or _own_input(model)
    seen: list[tuple[nn.Module, Shape, Shape]] = []

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((module, tuple(inputs[0].shape[1:]), tuple(output.shape[1:])))

    leaves = {m: name for name, m in model.named_modules() if not any(m.children())}
    hooks = [module.register_forward_hook(record) for module in leaves]
    device = next(model.parameters()).device
    was_training = model.training
    try:
        model.eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(torch.zeros(1, *shape, device=device))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    names = [leaves[module].removeprefix("net.") for module, _, _ in seen]
    return Summary(
        input_shape=shape,
        layers=tuple(_layers(names, seen, side=shape[-1])),
        counted_params=sum(p.numel() for p in model.parameters()),
        counted_macs=counter.get_total_flops() // 2,
    )


def _own_input(model: Any) -> Shape:
    """The input that an `AlexNet` was built for."""
    return model.in_channels, model.image_size, model.image_size


def _layers(
    names: Sequence[str], seen: Sequence[tuple[nn.Module, Shape, Shape]], side: int
) -> list[Layer]:
    layers = []
    spans: Spans = [(pixel, pixel) for pixel in range(side)]
    flattened: Shape = ()  # the feature map that a Flatten took in, for the next Linear's formula
    for name, (module, input_shape, output_shape) in zip(names, seen, strict=True):
        kernel, stride, padding = _window(module)
        spans = _see(spans, kernel, stride, padding, output_shape)
        if isinstance(module, nn.Flatten):
            flattened = input_shape
        params = sum(p.numel() for p in module.parameters())
        macs, macs_formula = _work(module, output_shape)
        layers.append(
            Layer(
                name=name,
                type=type(module).__name__,
                kernel=kernel,
                stride=stride,
                padding=padding,
                input_shape=input_shape,
                output_shape=output_shape,
                params=params,
                params_formula=_params_formula(module, params, flattened),
                macs=macs,
                macs_formula=macs_formula,
                receptive_field=max(last - first + 1 for first, last in spans),
                spans=tuple(spans),
            )
        )
        if isinstance(module, nn.Linear):
            flattened = ()
    return layers


def _window(module: nn.Module) -> tuple[int | None, int | None, int | None]:
    """Kernel, stride and padding along one side."""
    if not isinstance(module, (nn.Conv2d, nn.MaxPool2d)):
        return None, None, None
    return _side(module.kernel_size), _side(module.stride), _side(module.padding)


def _side(value: Any) -> int:
    return int(value[0]) if isinstance(value, tuple) else int(value)


def _see(
    spans: Spans, kernel: int | None, stride: int | None, padding: int | None, output_shape: Shape
) -> Spans:
    """The input pixels seen behind a layer, from those seen before it.

    What strides leave over at the edge is nobody's, so even a fully connected layer may see
    less than the whole picture.
    """
    if kernel is None or stride is None or padding is None:
        if len(output_shape) == 3:  # value by value
            return spans
        return [(min(first for first, _ in spans), max(last for _, last in spans))]
    edge = len(spans) - 1
    starts = [position * stride - padding for position in range(output_shape[-1])]
    return [(spans[max(0, s)][0], spans[min(edge, s + kernel - 1)][1]) for s in starts]


def _work(module: nn.Module, output_shape: Shape) -> tuple[int, str]:
    """Multiply-accumulates for one picture, and how they come about."""
    if isinstance(module, nn.Conv2d):
        factors = [*output_shape[1:], *module.kernel_size]
        factors += [module.in_channels // module.groups, module.out_channels]
    elif isinstance(module, nn.Linear):
        factors = [module.in_features, module.out_features]
    else:
        return 0, ""
    return prod(factors), f"{' * '.join(map(str, factors))} = {prod(factors):,}"


def _params_formula(module: nn.Module, params: int, flattened: Shape) -> str:
    """As the article writes it: ``(1 * 11 * 11 * 96) + 96 = 11,712``."""
    if isinstance(module, nn.Conv2d):
        inputs: Shape = (module.in_channels // module.groups, *module.kernel_size)
        outputs = module.out_channels
    elif isinstance(module, nn.Linear):
        inputs = flattened if prod(flattened) == module.in_features else (module.in_features,)
        outputs = module.out_features
    else:
        return ""
    bias = f" + {outputs}" if module.bias is not None else ""
    return f"({' * '.join(map(str, (*inputs, outputs)))}){bias} = {params:,}"


def format_table(summary: Summary) -> str:
    """The table for a terminal, with totals in the last line."""
    head = ("layer", "type", "window", "input", "output", "parameters", "MACs", "sees")
    rows = [head]
    for layer in summary.layers:
        window = f"{layer.kernel}×{layer.kernel} /{layer.stride} +{layer.padding}"
        rows.append(
            (
                layer.name,
                layer.type,
                window if layer.kernel else "",
                dimensions(layer.input_shape),
                dimensions(layer.output_shape),
                f"{layer.params:,}",
                f"{layer.macs:,}",
                f"{layer.receptive_field}×{layer.receptive_field}",
            )
        )
    totals = (f"{summary.total_params:,}", f"{summary.total_macs:,}")
    rows.append(("total", "", "", "", "", *totals, ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = []
    for row in rows:
        cells = [
            c.rjust(w) if i > 4 else c.ljust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "─" * max(map(len, lines)))
    lines.insert(-1, lines[1])
    return "\n".join(lines)
