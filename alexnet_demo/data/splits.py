"""Fashion-MNIST as tensors on the device: read once, then indexed there."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.datasets import FashionMNIST
from torchvision.datasets.utils import check_md5

from alexnet_demo.common.errors import DataError
from alexnet_demo.common.files import write_atomically
from alexnet_demo.settings.paths import DATA_DIR


@dataclass(frozen=True)
class Split:
    """One part of the data set, whole on a device.

    Attributes:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,), 0 to 9 in the order of `config.CLASSES`.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def head(self, count: int) -> Split:
        """The first ``count`` samples."""
        return Split(self.images[:count], self.labels[:count])

    def tail(self, count: int) -> Split:
        """The last ``count`` samples."""
        first = max(0, len(self) - count)
        return Split(self.images[first:], self.labels[first:])


def load_split(train: bool, device: torch.device | str = "cpu", root: Path = DATA_DIR) -> Split:
    """Read the training (60,000) or test (10,000) part through torchvision's `FashionMNIST`.

    Raises:
        DataError: when a file is missing and cannot be downloaded, or is damaged.
    """
    unpack(root)
    try:
        dataset = FashionMNIST(root, train=train)
    except (RuntimeError, ValueError, AssertionError) as error:
        folder = Path(root) / "FashionMNIST" / "raw"
        raise DataError(
            f"An unpacked file in {folder} is damaged: delete the files there that end in "
            "-ubyte, they are unpacked again from the .gz files beside them."
        ) from error
    return Split(dataset.data.to(device), dataset.targets.to(device))


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """The shuffled order of one epoch, the same for the same arguments on every machine."""
    generator = torch.Generator().manual_seed(derive_seed(f"order {epoch}", seed))
    return torch.randperm(count, generator=generator)


def derive_seed(purpose: str, seed: int) -> int:
    """A seed of its own for each purpose, such as ``order 3``, of a training with this seed.

    32 bits, as many as PyTorch's generator for the CPU takes notice of.
    """
    digest = hashlib.blake2b(f"{purpose} of {seed}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def unpack(root: Path = DATA_DIR) -> None:
    """Verify the four published files against torchvision's MD5 sums and unpack them.

    Missing files are downloaded where there is a network. Files already unpacked are kept.
    """
    folder = Path(root) / "FashionMNIST" / "raw"
    for name, md5 in FashionMNIST.resources:
        packed = folder / name
        unpacked = packed.with_suffix("")
        if unpacked.is_file():
            continue
        if not packed.is_file():
            _download(root, packed)
        if not check_md5(packed, md5):
            raise DataError(
                f"{packed} is damaged (its MD5 sum is wrong): delete it and start again with a "
                "network connection, or copy it from a fresh clone."
            )
        _unpack_file(packed, unpacked)


def _download(root: Path, packed: Path) -> None:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for answers
            FashionMNIST(root, download=True)
    except (RuntimeError, OSError) as error:
        for name, md5 in FashionMNIST.resources:  # no half a file may stay
            file = packed.with_name(name)
            if file.is_file() and not check_md5(file, md5):
                file.unlink()
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        mend = "free some space on the disk, which is full," if full else "connect to the network"
        raise DataError(
            f"{packed} is missing and could not be downloaded: copy it from a fresh clone, or "
            f"{mend} and start again."
        ) from error


def _unpack_file(packed: Path, unpacked: Path) -> None:
    """Unpack through a temporary file, since two processes may do this at once."""

    def unpack_into(temporary: Path) -> None:
        with gzip.open(packed) as source, temporary.open("wb") as target:
            shutil.copyfileobj(source, target)

    try:
        write_atomically(unpacked, unpack_into)
    except (OSError, EOFError) as error:
        raise DataError(
            f"{packed} could not be unpacked into {unpacked.parent}: {error}. Check that the "
            "folder is writable and the disk is not full."
        ) from error
