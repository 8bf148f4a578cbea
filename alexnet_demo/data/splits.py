"""Fashion-MNIST as tensors on the device: downloaded, verified, read once, then indexed there."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torchvision.datasets import FashionMNIST
from torchvision.datasets.utils import check_md5, download_url

from alexnet_demo.common.errors import DataError
from alexnet_demo.common.files import write_atomically
from alexnet_demo.data.fashion_mnist import RAW, read_split
from alexnet_demo.settings.paths import DATA_DIR


@dataclass(frozen=True)
class Split:
    """A part of the dataset, whole on a device.

    Attributes:
        images: uint8 (N, 28, 28), 0 background to 255.
        labels: int64 (N,), 0 to 9 in the order of `article.CLASSES`.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | Tensor) -> Split:
        """The samples of a slice, or at these indices."""
        return Split(self.images[index], self.labels[index])

    def head(self, count: int) -> Split:
        """The first ``count`` samples."""
        return self[:count]

    def tail(self, count: int) -> Split:
        """The last ``count`` samples."""
        return self[max(0, len(self) - count) :]


def load_split(train: bool, device: torch.device | str = "cpu", root: Path = DATA_DIR) -> Split:
    """Read the training (60,000) or test (10,000) set; missing files are downloaded.

    Raises:
        DataError: when a file is missing and cannot be downloaded, or is damaged.
    """
    _verify(root, "train" if train else "t10k")
    images, labels = map(torch.from_numpy, read_split(train, root))
    return Split(images.to(device), labels.long().to(device))


def epoch_order(count: int, seed: int, epoch: int) -> Tensor:
    """The shuffled order of an epoch, the same for the same arguments on every machine."""
    generator = torch.Generator().manual_seed(derive_seed(f"order {epoch}", seed))
    return torch.randperm(count, generator=generator)


def derive_seed(purpose: str, seed: int) -> int:
    """An own seed for each purpose, such as ``order 3``, of a run with this seed.

    It has 32 bits, as many as PyTorch's CPU generator uses.
    """
    digest = hashlib.blake2b(f"{purpose} of {seed}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


def unpack(root: Path = DATA_DIR) -> None:
    """Unpack all files where torchvision's own reader expects them.

    Raises:
        DataError: as `load_split`.
    """
    _verify(root)
    for packed in (root / RAW / name for name, _ in FashionMNIST.resources):
        if not packed.with_suffix("").is_file():  # atomically: processes may do this at once
            write = partial(Path.write_bytes, data=gzip.decompress(packed.read_bytes()))
            write_atomically(packed.with_suffix(""), write)


def _verify(root: Path, prefix: str = "") -> None:
    """Check the published files with this prefix against torchvision's MD5 sums."""
    for name, md5 in FashionMNIST.resources:
        file = root / RAW / name
        if not name.startswith(prefix):
            continue
        if not file.is_file():
            _download(file, md5)
        if not check_md5(file, md5):
            raise DataError(
                f"{file} is damaged (its MD5 sum is wrong): delete it and start again with a "
                "network connection, or copy it from a fresh clone."
            )


def _download(file: Path, md5: str) -> None:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for results
            download_url(FashionMNIST.mirrors[0] + file.name, file.parent, md5=md5)
    except (RuntimeError, OSError) as error:
        file.unlink(missing_ok=True)  # it may be incomplete
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        fix = "free some space on the disk" if full else "connect to the network"
        raise DataError(
            f"{file} is missing and could not be downloaded: copy it from a fresh clone, or {fix} "
            "and start again."
        ) from error
