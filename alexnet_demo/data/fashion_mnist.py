"""The one reader of Fashion-MNIST's published files. Imports no torch, so that pages open fast."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from alexnet_demo.common.errors import DataError
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.paths import DATA_DIR

RAW = Path("FashionMNIST", "raw")  # inside the data folder, as torchvision has it


@dataclass(frozen=True, eq=False)
class Sample:
    """A test image.

    Attributes:
        number: its index in the test set.
        label: its class, 0 to 9.
        pixels: uint8 (28, 28), 0 background to 255.
    """

    number: int
    label: int
    pixels: np.ndarray


def read_split(train: bool, root: Path = DATA_DIR) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 (N, 28, 28), and labels, uint8 (N,), of the training or test set.

    Checksums are `splits.load_split`'s business.

    Raises:
        DataError: when a file is missing or damaged.
    """
    part = "train" if train else "t10k"
    images = _read_idx(root / RAW / f"{part}-images-idx3-ubyte.gz", header=16)
    labels = _read_idx(root / RAW / f"{part}-labels-idx1-ubyte.gz", header=8)
    return images.reshape(-1, 28, 28), labels


def _read_idx(path: Path, header: int) -> np.ndarray:
    """The values of an IDX file, uint8 (N,), behind its header of that many bytes."""
    try:
        return np.frombuffer(bytearray(gzip.decompress(path.read_bytes())), np.uint8, offset=header)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error


def first_of_each_class() -> tuple[Sample, ...]:
    """The first test image of each class; empty where the files cannot be read."""
    try:
        return _first_of_each_class()
    except DataError:
        return ()  # not cached: a run may download them


@cache
def _first_of_each_class() -> tuple[Sample, ...]:
    images, labels = read_split(train=False)
    first = [int(np.argmax(labels == label)) for label in range(len(CLASSES))]
    return tuple(Sample(n, label, images[n].copy()) for label, n in enumerate(first))
