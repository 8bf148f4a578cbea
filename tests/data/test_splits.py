"""The dataset: as published, verified, and on the device."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import FashionMNIST

from alexnet_demo.common.errors import DataError
from alexnet_demo.data import fashion_mnist
from alexnet_demo.data.splits import Split, derive_seed, epoch_order, load_split, unpack
from alexnet_demo.network.input import to_input
from alexnet_demo.settings.paths import DATA_DIR

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"


@pytest.fixture(scope="module")
def test_split() -> Split:
    return load_split(train=False)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The folder of published files in ``tmp_path``, without the training images."""
    raw = tmp_path / fashion_mnist.RAW
    raw.mkdir(parents=True)
    for file in (DATA_DIR / fashion_mnist.RAW).glob("*.gz"):
        if file.name != TRAIN_IMAGES:
            shutil.copy(file, raw)
    return raw


def test_the_published_set_comes_with_the_clone(test_split: Split):
    train = load_split(train=True)
    assert train.images.shape == (60_000, 28, 28)
    assert train.images.dtype == torch.uint8 and train.labels.dtype == torch.int64
    assert test_split.labels.bincount().tolist() == [1000] * 10
    assert train.labels.bincount().tolist() == [6000] * 10


def test_torchvision_reads_the_same(test_split: Split):
    unpack()
    theirs = FashionMNIST(DATA_DIR, train=False)
    assert torch.equal(test_split.images, theirs.data)
    assert torch.equal(test_split.labels, theirs.targets)
    assert test_split.labels[:8].tolist() == [9, 2, 1, 1, 6, 1, 4, 6]


def test_head_and_tail_are_the_ends(test_split: Split):
    assert torch.equal(test_split.head(2).labels, test_split.labels[:2])
    assert torch.equal(test_split.tail(2).labels, test_split.labels[-2:])
    assert len(test_split.tail(0)) == len(test_split.head(0)) == 0
    assert len(test_split.tail(20_000)) == 10_000


def test_input_equals_the_articles_transform(test_split: Split):
    """Within one gray level: PIL rounds after each of its two passes."""
    article = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])
    for image, ours in zip(test_split.images[:20], to_input(test_split.images[:20]), strict=True):
        theirs = article(Image.fromarray(image.numpy()))
        assert ours.shape == theirs.shape == (1, 224, 224)
        assert (ours - theirs).abs().max() <= 1 / 255 + 1e-6


def test_orders_differ_by_epoch_and_seed_and_repeat():
    orders = [epoch_order(100, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(o) for o in orders}) == 4
    assert epoch_order(100, 1, 1).tolist() == orders[3]
    assert sorted(orders[0]) == list(range(100))


def test_a_damaged_file_is_named(raw: Path, tmp_path: Path):
    (raw / TRAIN_IMAGES).write_bytes(b"no gzip")
    with pytest.raises(DataError, match=rf"{TRAIN_IMAGES} is damaged.*delete it"):
        load_split(train=True, root=tmp_path)


def test_a_missing_file_without_a_network_is_named(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES} is missing"):
        load_split(train=True, root=tmp_path)
    assert not (raw / TRAIN_IMAGES).exists()
    assert len(load_split(train=False, root=tmp_path)) == 10_000, "it needs the test files only"


@pytest.mark.parametrize("damage", [b"", b"no gzip", None])
def test_damaged_files_give_pages_no_samples(
    raw: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
):
    """Whether empty, of another kind, or with damaged content (None)."""
    file = raw / "t10k-images-idx3-ubyte.gz"
    content = bytearray(file.read_bytes())
    content[1000:1100] = bytes(100)
    file.write_bytes(bytes(content) if damage is None else damage)
    monkeypatch.setattr(fashion_mnist, "RAW", raw)
    fashion_mnist._first_of_each_class.cache_clear()
    try:
        assert fashion_mnist.first_of_each_class() == ()
    finally:
        fashion_mnist._first_of_each_class.cache_clear()


def test_every_purpose_has_its_own_seed_of_32_bits():
    purposes = [f"{what} {number}" for what in ("order", "dropout 0") for number in range(500)]
    seeds = {derive_seed(purpose, seed) for purpose in purposes for seed in (0, 1)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**32 for seed in seeds)
