"""What runs a network's forward pass: PyTorch, or ONNX Runtime in float32 or int8.

Each takes images of one size and returns the logits and the features of fc7. PyTorch runs on any
device and at once; ONNX Runtime only on CPUs, from a model that `backend_choice` makes in advance.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from alexnet_demo.common.errors import OnnxError
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.device import DTYPES
from alexnet_demo.network.input import to_input
from alexnet_demo.network.onnx_graph import FEATURES, INPUT_NAME, LOGITS

Run = Callable[[Tensor], tuple[Tensor, Tensor]]


class Backend(Protocol):
    """Runs one network.

    Attributes:
        name: for people, such as ``ONNX Runtime int8``.
    """

    name: str

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and features of some images.

        Args:
            images: uint8 (N, side, side), 0 (background) to 255, on the CPU; N at least 1.

        Returns:
            Logits (N, 10) and the features of fc7 after its ReLU (N, D): floats, on any device.
        """


class TorchBackend:
    """A model in PyTorch, on its device.

    Args:
        model: in evaluation mode; copied if it is to run in another precision.
        precision: ``fp32``, ``bf16``, or ``fp16``.
    """

    def __init__(self, model: AlexNet, precision: str) -> None:
        self.name = f"PyTorch {precision}"
        self._dtype, self._device = DTYPES[precision], next(model.parameters()).device
        if precision != "fp32":
            model = copy.deepcopy(model).to(self._dtype)
        # Up to fc7 and its ReLU (dropout is inactive), and fc8.
        self._body, self._head = model.net[:-1], model.net[-1]

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            features = self._body(to_input(images.to(self._device)).to(self._dtype))
            return self._head(features), features


class OnnxBackend:
    """A model in ONNX Runtime, on the CPU.

    Args:
        model: a serialized ONNX model with the outputs of `to_onnx`.

    Raises:
        OnnxError: when ONNX Runtime cannot be imported or cannot load it.
    """

    def __init__(self, model: bytes, name: str) -> None:
        self.name = name
        try:
            self._session = open_session(model)
        except Exception as error:  # those of ONNX Runtime have no other base class
            raise OnnxError(f"ONNX Runtime cannot load the model: {error}") from error

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        inputs = {INPUT_NAME: to_input(images).numpy()}
        logits, features = self._session.run([LOGITS, FEATURES], inputs)
        return torch.from_numpy(logits), torch.from_numpy(features)


def open_session(model: bytes | Path, spin: bool = False) -> Any:
    """An ``onnxruntime.InferenceSession`` on the CPU, with as many threads as PyTorch uses.

    Args:
        model: serialized, or the path of a file.
        spin: let idle threads spin, ONNX Runtime's default. That is a little faster alone, and
            takes the cores from everything else, such as another session's image.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def outputs(run: Run, pixels: np.ndarray, batch: int) -> tuple[Tensor, Tensor]:
    """Run a backend over images of one size, in batches.

    Args:
        run: the backend, or what calls it in its turn.
        pixels: uint8 (N, side, side), 0 (background) to 255; N at least 1.
        batch: images at a time.

    Returns:
        Logits (N, 10) and the features of fc7 after its ReLU (N, D): float32, on the CPU.
    """
    images = torch.from_numpy(np.array(pixels, dtype=np.uint8))
    parts = [run(part) for part in images.split(batch)]
    logits, features = (torch.cat(tensors).float().cpu() for tensors in zip(*parts, strict=True))
    return logits, features
