"""Quantizes a network to int8 for ONNX Runtime, which then computes in integers.

Static, per output channel, unsigned activations and signed weights: CPUs with VNNI instructions sum
four such products at a time. Two choices were made on held-out training images:

- The ranges of the activations are those of training images, drawings, and photos. With training
  images alone, of 1,000 drawings 7 got another label than in float32; now 1 does.
- fc8 stays in float32. It is a thousandth of the work, and a logit needs more than 8 bits: with it
  in int8, of 1,000 test-like images 3 got another label instead of 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from alexnet_demo.data.splits import derive_seed, load_split
from alexnet_demo.data.synthetic import as_drawings, as_photos
from alexnet_demo.network.alexnet import AlexNet
from alexnet_demo.network.input import to_input
from alexnet_demo.network.onnx_graph import INPUT_NAME, to_onnx

IMAGES = (64, 48, 48)  # to calibrate on: as they are, as drawings, as photos
BATCH = 16  # images: bounds the memory for activations
HEAD = "fc8"


def quantize(model: AlexNet, seven_bits: bool = False) -> bytes:
    """A network as serialized ONNX in int8, with the inputs and outputs of `to_onnx`.

    Args:
        model: in evaluation mode, on the CPU.
        seven_bits: leave a bit of each weight unused. CPUs without VNNI sum two products in 16
            bits, which overflow with 8 bits.

    Raises:
        ImportError: when `onnx` or `onnxruntime` is missing.
        DataError: when the training images cannot be read.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches = calibration_batches()

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self._batches, None)
            return None if batch is None else {INPUT_NAME: to_input(batch).numpy()}

    with TemporaryDirectory(prefix="alexnet-") as folder:
        plain, small = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        graph = to_onnx(model, features=True)
        add_pre_process_metadata(graph)  # there is nothing to fuse
        onnx.save(graph, plain)
        del graph
        quantize_static(
            plain,
            small,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=seven_bits,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[HEAD],
        )
        return small.read_bytes()


def calibration_batches() -> Iterator[Tensor]:
    """The first training images, some as drawings and photos: uint8 (N, side, side) each."""
    split = load_split(train=True).head(sum(IMAGES))
    generator = torch.Generator().manual_seed(derive_seed("int8", 0))
    changes = (lambda images, *_: images, as_drawings, as_photos)
    parts = zip(changes, split.images.split(IMAGES), split.labels.split(IMAGES), strict=True)
    for change, images, labels in parts:
        yield from change(images, labels, generator).split(BATCH)
