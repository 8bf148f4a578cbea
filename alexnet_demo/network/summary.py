"""Layer records measured by forward hooks: shapes, parameters, MACs, and receptive fields.

`summarize` measures the records, and `format_table` lays them out.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from alexnet_demo.common.text import dimensions
from alexnet_demo.network.alexnet import count_parameters

KINDS = {"Conv2d": "conv", "MaxPool2d": "pool", "Linear": "fc"}

Shape = tuple[int, ...]
Window = tuple[int | None, int | None, int | None]
Span = tuple[int, int]
"""First and last input pixel along a side that a position of a feature map depends on."""


@dataclass(frozen=True)
class Layer:
    """One module of the network, measured on one image.

    Shapes leave out the batch: (channels, height, width) or (units,). Kernel, stride and padding
    are pixels along one side, None for a layer without a window.

    Attributes:
        params: trainable values; ``params_formula`` shows how to count them, empty where 0.
        macs: multiply-accumulates per image; ReLU and pooling have none.
        receptive_field: side in pixels of the largest part of the input that one output depends on,
            clipped at the image's edge.
        spans: of each output position along a side.
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
    spans: tuple[Span, ...]

    @property
    def kind(self) -> str:
        """``conv``, ``pool`` or ``fc``; empty for other layers."""
        return KINDS.get(self.type, "")

    @property
    def activation_bytes(self) -> int:
        """Memory of the layer's output for one image in float32."""
        return prod(self.output_shape) * 4

    @property
    def size_formula(self) -> str:
        """The output's side, such as ``⌊(224 − 11)/4⌋ + 1 = 54``; empty without a window."""
        if self.kernel is None:
            return ""
        padding = f" + 2·{self.padding}" if self.padding else ""
        reach = f"{self.input_shape[-1]}{padding} − {self.kernel}"
        return f"⌊({reach})/{self.stride}⌋ + 1 = {self.output_shape[-1]}"

    def to_json(self) -> dict[str, Any]:
        """All but ``macs_formula`` and the spans, and ``activation_bytes``."""
        record = {k: v for k, v in vars(self).items() if k not in ("macs_formula", "spans")}
        record |= {"input_shape": list(self.input_shape), "output_shape": list(self.output_shape)}
        return {**record, "activation_bytes": self.activation_bytes}


@dataclass(frozen=True)
class Summary:
    """All layers in the order in which they ran, and two totals counted independently.

    Attributes:
        input_shape: (channels, height, width) of the image.
        counted_params: values in the network's own list of parameters.
        counted_macs: half of the FLOPs that PyTorch's counter saw in the same forward pass.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    counted_params: int
    counted_macs: int

    @property
    def total_params(self) -> int:
        return sum(layer.params for layer in self.layers)

    @property
    def total_macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def consistent(self) -> bool:
        """Whether the sums over the layers equal the totals counted independently."""
        return (self.total_params, self.total_macs) == (self.counted_params, self.counted_macs)

    def share(self, kind: str, what: str) -> float:
        """The share, 0 to 1, of all ``what`` ("params" or "macs") that a kind of layer has."""
        part = sum(getattr(layer, what) for layer in self.layers if layer.kind == kind)
        return part / sum(getattr(layer, what) for layer in self.layers)

    def nested_receptive_fields(self, name: str) -> list[tuple[str, Span]]:
        """The receptive fields that lead to a layer's middle unit, smallest first.

        The last is that unit's own. The one before is that of the unit in the middle of its window
        in the layer below, and so on down to the first layer with a window.

        Returns:
            Name and span of each layer with a window up to the one named, and of that one.

        Raises:
            KeyError: when there is no layer of that name.
        """
        fields: list[tuple[str, Span]] = []
        position: int | None = None  # along a side of the feature map
        for layer in reversed(self.layers[: self.layers.index(self[name]) + 1]):
            if position is None and len(layer.output_shape) == 3:
                position = len(layer.spans) // 2
            if layer.name == name or layer.kernel is not None:
                fields.append((layer.name, layer.spans[position or 0]))
            if layer.kernel is not None and layer.stride and position is not None:
                middle = position * layer.stride - (layer.padding or 0) + layer.kernel // 2
                position = min(max(0, middle), layer.input_shape[-1] - 1)
        return fields[::-1]

    def __getitem__(self, name: str) -> Layer:
        """The layer of that name; KeyError when there is none."""
        return {layer.name: layer for layer in self.layers}[name]

    def to_json(self) -> dict[str, Any]:
        layers = [layer.to_json() for layer in self.layers]
        return {"layers": layers, "total_params": self.total_params, "total_macs": self.total_macs}


def summarize(model: Any, input_shape: Shape | None = None) -> Summary:
    """Run one blank image through a network and record every layer.

    On PyTorch's ``meta`` device nothing is computed and no memory is used; all shapes are the same.

    Args:
        model: a chain of layers with square windows, such as `AlexNet`.
        input_shape: (channels, height, width); by default what an `AlexNet` was built for.
    """
    shape = input_shape or (model.in_channels, model.image_size, model.image_size)
    leaves = [(name, module) for name, module in model.named_modules() if not [*module.children()]]
    names = {module: name.removeprefix("net.") for name, module in leaves}
    layers: list[Layer] = []
    spans = [(pixel, pixel) for pixel in range(shape[-1])]
    feature_map: Shape = ()  # what the last Flatten took in, for the next Linear's formula

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal spans, feature_map
        before, after = tuple(inputs[0].shape[1:]), tuple(output.shape[1:])
        window = _window(module)
        spans = _spans_after(spans, window, after)
        if isinstance(module, nn.Flatten):
            feature_map = before
        params = count_parameters(module)
        layers.append(
            Layer(
                names[module],
                type(module).__name__,
                *window,
                before,
                after,
                params,
                *_count(module, params, after, feature_map),
                max(last - first + 1 for first, last in spans),
                tuple(spans),
            )
        )
        if isinstance(module, nn.Linear):
            feature_map = ()

    with ExitStack() as cleanup, torch.no_grad(), FlopCounterMode(display=False) as counter:
        cleanup.callback(model.train, model.training)
        for module in names:
            cleanup.enter_context(module.register_forward_hook(record))
        model.eval()(torch.zeros(1, *shape, device=next(model.parameters()).device))
    macs = counter.get_total_flops() // 2
    return Summary(shape, tuple(layers), count_parameters(model), macs)


def _window(module: nn.Module) -> Window:
    """Kernel, stride and padding along one side."""
    if not isinstance(module, nn.Conv2d | nn.MaxPool2d):
        return None, None, None
    values: Any = (module.kernel_size, module.stride, module.padding)
    kernel, stride, padding = (v[0] if isinstance(v, tuple) else v for v in values)
    return kernel, stride, padding


def _spans_after(spans: list[Span], window: Window, output: Shape) -> list[Span]:
    """The spans of a layer's outputs, from those of its inputs.

    Pixels at the edge that no stride reaches belong to none, so even a fully connected layer may
    depend on less than the whole image.
    """
    kernel, stride, padding = window
    if kernel is None or stride is None or padding is None:
        if len(output) == 3:  # elementwise
            return spans
        return [(min(first for first, _ in spans), max(last for _, last in spans))]
    edge = len(spans) - 1
    starts = [position * stride - padding for position in range(output[-1])]
    return [(spans[max(0, s)][0], spans[min(edge, s + kernel - 1)][1]) for s in starts]


def _count(
    module: nn.Module, params: int, output: Shape, feature_map: Shape
) -> tuple[str, int, str]:
    """Formula of the parameters, and MACs for one image with theirs.

    As in the article: ``(1 * 11 * 11 * 96) + 96 = 11,712``.
    """
    if isinstance(module, nn.Conv2d):
        inputs: Shape = (module.in_channels // module.groups, *module.kernel_size)
        outputs = module.out_channels
        factors = (*output[1:], *module.kernel_size, inputs[0], outputs)
    elif isinstance(module, nn.Linear):
        factors = (module.in_features, module.out_features)
        inputs = feature_map or factors[:1]
        outputs = module.out_features
    else:
        return "", 0, ""
    bias = f" + {outputs}" if module.bias is not None else ""
    params_formula = f"({' * '.join(map(str, (*inputs, outputs)))}){bias} = {params:,}"
    return params_formula, prod(factors), f"{' * '.join(map(str, factors))} = {prod(factors):,}"


def format_table(summary: Summary) -> str:
    """The layer table for a terminal, with the totals in its last line."""
    rows = [("layer", "type", "window", "input", "output", "parameters", "MACs", "sees")]
    for layer in summary.layers:
        window = f"{layer.kernel}×{layer.kernel} /{layer.stride} +{layer.padding}"
        shapes = dimensions(layer.input_shape), dimensions(layer.output_shape)
        field = dimensions((layer.receptive_field, layer.receptive_field))
        numbers = f"{layer.params:,}", f"{layer.macs:,}", field
        rows.append((layer.name, layer.type, window if layer.kernel else "", *shapes, *numbers))
    totals = (f"{summary.total_params:,}", f"{summary.total_macs:,}")
    rows.append(("total", "", "", "", "", *totals, ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    columns = [f"{{:{align}{width}}}" for align, width in zip("<<<<<>>>", widths, strict=True)]
    lines = ["  ".join(columns).format(*row).rstrip() for row in rows]
    rule = "─" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
