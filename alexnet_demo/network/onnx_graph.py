"""The network as an ONNX graph, layer for layer. Requires `onnx`, which is optional elsewhere.

PyTorch's own exporter gives the same graph after seconds of tracing, for which the weights of a
model that other threads use would have to be replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import nn

from alexnet_demo.network.alexnet import AlexNet

if TYPE_CHECKING:
    from onnx import ModelProto

INPUT_NAME, LOGITS, FEATURES = "pictures", "logits", "features"
OPSET, IR_VERSION = 17, 8  # the newest that all releases from onnxruntime 1.20 on read


def to_onnx(model: AlexNet, features: bool = False) -> ModelProto:
    """A network without batch normalization as ONNX, its weights inside.

    The input is ``pictures``, float32 (batch, channels, side, side), the output ``logits``,
    float32 (batch, classes). Nodes have the layers' names. Dropout, which is inactive in
    evaluation, is left out.

    Args:
        features: also output ``features``, float32 (batch, units), fc7's after its activation.

    Raises:
        ValueError: for a layer of another kind.
    """
    import onnx
    from onnx import helper

    graph = onnx.GraphProto(name="alexnet")
    layers = [
        (name, layer)
        for name, layer in model.net.named_children()
        if not isinstance(layer, nn.Dropout)
    ]
    outputs = {layers[-1][0]: LOGITS, layers[-2][0]: FEATURES}
    x = INPUT_NAME
    for name, layer in layers:
        y = outputs.get(name, name)
        operator, attributes = _operator(layer)
        parameters = [f"{name}.{key}" for key, _ in layer.named_parameters()]
        node = helper.make_node(operator, [x, *parameters], [y], name, **attributes)
        graph.node.append(node)
        for key, tensor in layer.named_parameters():
            graph.initializer.add(
                name=f"{name}.{key}",
                dims=tensor.shape,
                data_type=onnx.TensorProto.FLOAT,
                raw_data=tensor.detach().float().cpu().contiguous().numpy().tobytes(),
            )
        x = y
    head = layers[-1][1]
    assert isinstance(head, nn.Linear)
    shapes: dict[str, list[str | int]] = {
        INPUT_NAME: ["batch", model.in_channels, model.image_size, model.image_size],
        LOGITS: ["batch", head.out_features],
        FEATURES: ["batch", head.in_features],
    }
    infos = {
        name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    graph.input.append(infos[INPUT_NAME])
    graph.output.extend([infos[LOGITS], infos[FEATURES]] if features else [infos[LOGITS]])
    opset = helper.make_operatorsetid("", OPSET)
    exported = onnx.ModelProto(ir_version=IR_VERSION, opset_import=[opset])
    exported.graph.CopyFrom(graph)
    return exported


def _operator(layer: nn.Module) -> tuple[str, Mapping[str, Any]]:
    """A layer's ONNX operator and attributes."""
    match layer:
        case nn.Conv2d():
            return "Conv", {
                "kernel_shape": layer.kernel_size,
                "strides": layer.stride,
                "pads": [*layer.padding, *layer.padding],  # top, left, bottom, right
            }
        case nn.Linear():
            return "Gemm", {"transB": 1}
        case nn.MaxPool2d():
            return "MaxPool", {
                "kernel_shape": [layer.kernel_size] * 2,
                "strides": [layer.stride] * 2,
            }
        case nn.ReLU():
            return "Relu", {}
        case nn.Tanh():
            return "Tanh", {}
        case nn.Sigmoid():
            return "Sigmoid", {}
        case nn.Flatten():
            return "Flatten", {}
    raise ValueError(f"There is no ONNX operator for {type(layer).__name__}.")
