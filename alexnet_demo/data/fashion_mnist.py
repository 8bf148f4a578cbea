"""Test pictures of Fashion-MNIST, read straight from the published files. Imports no torch."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cache

import numpy as np

from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.paths import DATA_DIR

_RAW = DATA_DIR / "FashionMNIST" / "raw"
_SIDE, _IMAGE_HEADER, _LABEL_HEADER = 28, 16, 8  # pixels; bytes before the data begins


@dataclass(frozen=True, eq=False)
class Sample:
    """A test picture.

    Attributes:
        number: its place in the test set.
        label: its class, 0 to 9.
        pixels: uint8 (28, 28), 0 background to 255.
    """

    number: int
    label: int
    pixels: np.ndarray


def first_of_each_class() -> tuple[Sample, ...]:
    """The first test picture of each class; none where the files cannot be read.

    Whether the data is whole is checked where it is used for training, not here.
    """
    try:
        return _one_of_each()
    except (OSError, EOFError, ValueError, IndexError):
        return ()  # not kept: a training may download them


@cache
def _one_of_each() -> tuple[Sample, ...]:
    labels, images = _published("t10k-labels-idx1-ubyte.gz", _LABEL_HEADER), _images()
    first = [int(np.argmax(labels == label)) for label in range(len(CLASSES))]
    return tuple(Sample(n, label, images[n].copy()) for label, n in enumerate(first))


def test_pictures() -> np.ndarray | None:
    """All test pictures, uint8 (N, 28, 28); None where the file cannot be read."""
    try:
        return _images()
    except (OSError, EOFError, ValueError):
        return None


def _images() -> np.ndarray:
    return _published("t10k-images-idx3-ubyte.gz", _IMAGE_HEADER).reshape(-1, _SIDE, _SIDE)


def _published(file: str, header: int) -> np.ndarray:
    with gzip.open(_RAW / file) as stream:
        return np.frombuffer(stream.read(), np.uint8, offset=header)
