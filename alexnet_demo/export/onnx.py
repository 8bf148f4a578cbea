"""Export a trained model as an ONNX file, checked in ONNX Runtime.

The input is ``pictures``, float32 (batch, 1, 224, 224) as `to_input` returns them, and the output
``logits``, float32 (batch, 10). The metadata holds what else a user needs: the classes, how to
prepare an image, and the temperature that calibrates the probabilities.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet_demo.common.errors import OnnxError
from alexnet_demo.common.files import prepare_output, write_atomically
from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.backend import open_session
from alexnet_demo.inference.classifier import confidence_of
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.network.onnx_graph import INPUT_NAME, LOGITS, to_onnx
from alexnet_demo.settings.article import CLASSES

PACKAGES = ("onnx", "onnxruntime")
INPUT = (
    "Grayscale in [0, 1], a light garment on black: 28x28 pixels of Fashion-MNIST divided by 255 "
    "and resized to 224x224 bilinearly, with half-pixel centers."
)
OUTPUT = "Logits; softmax(logits / temperature) gives the class probabilities."
CHECKED = 64  # test images
TOLERANCE = 1e-3  # maximum difference between two probabilities
KEPT_INFO = ("run", "epoch", "validation_accuracy", "test_accuracy")


def require_packages() -> None:
    """Raise `OnnxError` when a required package is missing."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise OnnxError(
            f"ONNX export requires {' and '.join(missing)}. "
            "Install with pip install -r requirements.txt."
        )


def export(weights: Path, out: Path) -> dict[str, Any]:
    """Export a checkpoint; see `write_checked`.

    Returns:
        One JSON-able object: ``weights``, ``out``, and what `write_checked` returns.

    Raises:
        CheckpointError: for unusable weights.
    """
    require_packages()
    model, info = checkpoint.load_weights(weights)
    temperature = confidence_of(weights, model, info).temperature
    report = write_checked(model, out, info, temperature)
    return {"weights": str(weights), "out": str(out), **report}


def write_checked(
    model: AlexNet, out: Path, info: Mapping[str, Any], temperature: float = 1.0
) -> dict[str, Any]:
    """Write an ONNX file, unless its predictions differ from PyTorch's.

    Args:
        model: in evaluation mode, on the CPU.
        info: the metadata of its checkpoint; its origin is copied to the file.
        temperature: see `ConfidenceModel`.

    Returns:
        ``bytes``, ``seconds``, and from the check on test images ``pictures``,
        ``greatest_difference`` between two probabilities, and ``same_labels``, a share of 1.

    Raises:
        OnnxError: when a package is missing or predictions differ; then nothing is written.
        OSError: when the file cannot be written.
    """
    require_packages()
    prepare_output(out)
    start = time.perf_counter()
    about = {name: info[name] for name in KEPT_INFO if name in info}
    report: dict[str, Any] = {}

    def write_and_check(path: Path) -> None:
        write(model, path, {**about, "temperature": temperature})
        report.update(check(model, path))

    write_atomically(out, write_and_check)
    seconds = round(time.perf_counter() - start, 2)
    return {"bytes": out.stat().st_size, "seconds": seconds, **report}


def write(model: AlexNet, path: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a model, in evaluation mode on the CPU, as ONNX with embedded weights.

    Args:
        about: JSON-able entries for the metadata.
    """
    import onnx

    exported = to_onnx(model)
    metadata = {"input": INPUT, "output": OUTPUT, "classes": list(CLASSES), **(about or {})}
    exported.doc_string = f"AlexNet for Fashion-MNIST. {INPUT} {OUTPUT}"
    for name, value in metadata.items():
        text = value if isinstance(value, str) else json.dumps(value)
        exported.metadata_props.add(key=name, value=text)
    onnx.save(exported, path)


def probabilities(session: Any, images: torch.Tensor) -> np.ndarray:
    """Images, uint8 (N, height, width) → uncalibrated probabilities, float32 (N, 10)."""
    (logits,) = session.run([LOGITS], {INPUT_NAME: to_input(images).numpy()})
    return torch.from_numpy(logits).softmax(1).numpy()


def check(model: AlexNet, path: Path) -> dict[str, Any]:
    """Compare the file's predictions with the model's, on the first test images.

    Raises:
        OnnxError: when they differ.
    """
    images = load_split(train=False).head(CHECKED).images
    exported = probabilities(open_session(path), images)
    with torch.inference_mode():
        original = model(to_input(images)).softmax(1).numpy()
    difference = float(np.abs(exported - original).max())
    same = float((exported.argmax(1) == original.argmax(1)).mean())
    if not difference <= TOLERANCE:
        raise OnnxError(
            f"Predictions in ONNX Runtime differ from PyTorch's by up to {difference:.2g}, so no "
            "file was written. Try other versions of torch and onnxruntime."
        )
    return {"pictures": len(images), "greatest_difference": difference, "same_labels": same}
