"""A trained network as an ONNX file, for other programs and languages; checked in ONNX Runtime.

The file takes ``pictures``, float32 (batch, 1, 224, 224) as `to_input` makes them, and gives
``logits``, float32 (batch, 10). What a user has to know beside stands in its metadata: the classes,
how a picture becomes an input, and the temperature that calibrates the probabilities.
"""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch

from alexnet_demo.common.errors import OnnxError
from alexnet_demo.common.files import write_atomically
from alexnet_demo.data.splits import load_split
from alexnet_demo.inference.classifier import confidence_of
from alexnet_demo.network import checkpoint
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.settings.article import CLASSES

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
PICTURES, LOGITS = "pictures", "logits"
INPUT = (
    "Grey in [0, 1], a light garment on black: 28x28 pixels of Fashion-MNIST divided by 255 and "
    "enlarged to 224x224 bilinearly, with half-pixel centres."
)
OUTPUT = "Logits; softmax(logits / temperature) gives the probabilities of the classes."
TESTED = 64  # test pictures that the file is checked on
TOLERANCE = 1e-3  # greatest difference between two probabilities
KEPT_INFO = ("run", "epoch", "test_accuracy")

_ONE_AT_A_TIME = Lock()


def require_packages() -> None:
    """Raise `OnnxError` where a package is missing that it takes."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise OnnxError(
            f"ONNX files need {' and '.join(missing)}, which is not installed: "
            "pip install -r requirements.txt brings it."
        )


def export(weights: Path, out: Path) -> dict[str, Any]:
    """Write the network of a checkpoint as ONNX; see `write_checked`.

    Returns:
        One JSON-able object: ``weights``, ``out``, and what `write_checked` gives.

    Raises:
        CheckpointError: for weights that cannot be used.
    """
    require_packages()
    model, info = checkpoint.load_weights(weights)
    temperature = confidence_of(weights, model, info).temperature
    report = write_checked(model, out, info, temperature)
    return {"weights": str(weights), "out": str(out), **report}


def write_checked(
    model: AlexNet, out: Path, info: Mapping[str, Any], temperature: float = 1.0
) -> dict[str, Any]:
    """Write a network as ONNX, unless ONNX Runtime answers otherwise than PyTorch.

    Args:
        model: in evaluation mode, on the CPU.
        info: of its checkpoint; where it comes from goes into the file.
        temperature: see `Certainty`.

    Returns:
        ``bytes``, ``seconds``, and of the check on test pictures ``pictures``,
        ``greatest_difference`` between two probabilities, and ``same_labels``, a share of 1.

    Raises:
        OnnxError: where a package is missing, or the answers differ; then nothing is written.
        OSError: when the file cannot be written.
    """
    require_packages()
    begin = time.perf_counter()
    about = {name: info[name] for name in KEPT_INFO if name in info}
    found: dict[str, Any] = {}

    def write_and_check(path: Path) -> None:
        write(model, path, {**about, "temperature": temperature})
        found.update(check(model, path))

    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, write_and_check)
    seconds = round(time.perf_counter() - begin, 2)
    return {"bytes": out.stat().st_size, "seconds": seconds, **found}


def write(model: AlexNet, path: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a network, in evaluation mode on the CPU, as ONNX with its weights inside.

    Args:
        about: JSON-able facts for the metadata.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    sample = torch.rand(2, model.in_channels, model.image_size, model.image_size)
    with _ONE_AT_A_TIME:
        # Of a copy: while a network is traced its weights are no numbers, and others may ask it.
        program = torch.onnx.export(
            copy.deepcopy(model),
            (sample,),
            input_names=[PICTURES],
            output_names=[LOGITS],
            dynamic_shapes=({0: "batch"},),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # there is one with `dynamo`
    facts = {"input": INPUT, "output": OUTPUT, "classes": list(CLASSES), **(about or {})}
    program.model.doc_string = f"AlexNet for Fashion-MNIST. {INPUT} {OUTPUT}"
    for name, fact in facts.items():
        text = fact if isinstance(fact, str) else json.dumps(fact)
        program.model.metadata_props[name] = text
    program.save(path, external_data=False)


def open_session(path: Path) -> Any:
    """An ``onnxruntime.InferenceSession`` on the CPU, with as many threads as PyTorch has."""
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def probabilities(session: Any, images: torch.Tensor) -> np.ndarray:
    """What the file says of pictures, uint8 (N, height, width): float32 (N, 10), not calibrated."""
    (logits,) = session.run([LOGITS], {PICTURES: to_input(images).numpy()})
    return torch.from_numpy(logits).softmax(1).numpy()


def check(model: AlexNet, path: Path) -> dict[str, Any]:
    """How far the file's answers are from the network's, on the first test pictures.

    Raises:
        OnnxError: where they are not the same.
    """
    images = load_split(train=False).head(TESTED).images
    theirs = probabilities(open_session(path), images)
    with torch.inference_mode():
        ours = model(to_input(images)).softmax(1).numpy()
    difference = float(np.abs(theirs - ours).max())
    same = float((theirs.argmax(1) == ours.argmax(1)).mean())
    if not difference <= TOLERANCE:
        raise OnnxError(
            f"ONNX Runtime gives other answers than PyTorch, by up to {difference:.2g}: nothing "
            "was written. Try other versions of torch and onnxruntime."
        )
    return {"pictures": len(images), "greatest_difference": difference, "same_labels": same}
