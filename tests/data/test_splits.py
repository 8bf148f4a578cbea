"""The data set: as published, verified, batched on the device."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision import transforms

from alexnet_demo.common.errors import DataError
from alexnet_demo.data import splits
from alexnet_demo.data.splits import Split, derive_seed, epoch_order, load_split
from alexnet_demo.network.input import to_input
from alexnet_demo.settings.paths import DATA_DIR


@pytest.fixture(scope="module")
def test_split() -> Split:
    return load_split(train=False)


def test_the_published_set_comes_with_the_clone(test_split: Split):
    train = load_split(train=True)
    assert train.images.shape == (60_000, 28, 28)
    assert train.images.dtype == torch.uint8
    assert test_split.labels.bincount().tolist() == [1000] * 10
    assert train.labels.bincount().tolist() == [6000] * 10


def test_head_and_tail_are_the_ends(test_split: Split):
    assert torch.equal(test_split.head(2).labels, test_split.labels[:2])
    assert torch.equal(test_split.tail(2).labels, test_split.labels[-2:])
    assert len(test_split.tail(0)) == len(test_split.head(0)) == 0
    assert len(test_split.tail(20_000)) == 10_000


def test_input_equals_the_articles_transform(test_split: Split):
    """Within one grey level: PIL rounds to whole ones after each of its two passes."""
    article = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])
    for picture, ours in zip(test_split.images[:20], to_input(test_split.images[:20]), strict=True):
        theirs = article(Image.fromarray(picture.numpy()))
        assert ours.shape == theirs.shape == (1, 224, 224)
        assert (ours - theirs).abs().max() <= 1 / 255 + 1e-6


def test_orders_differ_by_epoch_and_seed_and_repeat():
    orders = [epoch_order(100, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(o) for o in orders}) == 4
    assert epoch_order(100, 1, 1).tolist() == orders[3]
    assert sorted(orders[0]) == list(range(100))


def copy_of_raw(root: Path) -> Path:
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (DATA_DIR / "FashionMNIST" / "raw").glob("t10k*.gz"):
        shutil.copy(file, raw)
    return raw


def test_a_damaged_file_is_named(tmp_path: Path):
    raw = copy_of_raw(tmp_path)
    shutil.copy(DATA_DIR / "FashionMNIST/raw/train-labels-idx1-ubyte.gz", raw)
    broken = raw / "train-images-idx3-ubyte.gz"
    broken.write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged.*delete it"):
        load_split(train=True, root=tmp_path)


def test_missing_and_no_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    copy_of_raw(tmp_path)
    monkeypatch.setattr(splits.FashionMNIST, "mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is missing and could not"):
        load_split(train=True, root=tmp_path)


def test_a_cut_unpacked_file_is_said(tmp_path: Path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    load_split(train=False)  # unpacks the published files
    for file in (DATA_DIR / "FashionMNIST" / "raw").glob("*-ubyte"):
        (raw / file.name).write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"unpacked file .* is damaged: delete"):
        load_split(train=False, root=tmp_path)


def test_first_labels_are_the_published_ones(test_split: Split):
    assert test_split.labels[:8].tolist() == [9, 2, 1, 1, 6, 1, 4, 6]


def test_every_purpose_has_a_seed_of_its_own_within_32_bits():
    purposes = [f"{what} {number}" for what in ("order", "dropout 0") for number in range(500)]
    seeds = {derive_seed(purpose, seed) for purpose in purposes for seed in (0, 1)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**32 for seed in seeds)
