"""Banks of generated images, and what they add to a batch."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.data.banks import PHOTOGRAPHED, Banks, banks_for, load_banks
from alexnet_demo.data.batch_random import Label
from alexnet_demo.images.redraw import SKETCH_SIDE
from alexnet_demo.settings.config import TrainConfig
from tests.support.seeding import generator

CPU = torch.device("cpu")
SMALL = TrainConfig(train_samples=200, generated=0.5, others=0.25)  # 3 images of a class and kind


@pytest.fixture(scope="module")
def banks() -> Banks:
    return load_banks(CPU, 3)


def test_every_class_is_drawn_and_some_are_photographed_equally_often(banks: Banks):
    kinds = (set(Label), SKETCH_SIDE), (set(PHOTOGRAPHED), 28)
    for bank, (labels, side) in zip(banks.clothing, kinds, strict=True):
        assert bank.images.shape == (3 * len(labels), side, side)
        assert {label: int((bank.labels == label).sum()) for label in labels} == dict.fromkeys(
            labels, 3
        )
        assert (bank.images.amax((1, 2)) > 100).all()


def test_the_purpose_decides_what_is_made(banks: Banks):
    again, other = load_banks.__wrapped__(CPU, 3), load_banks.__wrapped__(CPU, 3, "export")
    assert torch.equal(again.clothing[1].images, banks.clothing[1].images)
    assert not torch.equal(other.clothing[1].images, banks.clothing[1].images)
    assert not torch.equal(other.others[0].images, banks.others[0].images)


def test_the_shares_are_relative_to_the_batch(banks: Banks):
    picked = banks.pick(SMALL, 40, generator(1))
    shapes = [tuple(bank.images.shape) for bank in (*picked.clothing, *picked.others)]
    assert shapes == [
        *((12, SKETCH_SIDE, SKETCH_SIDE), (8, 28, 28)),
        *((6, SKETCH_SIDE, SKETCH_SIDE), (4, 28, 28)),
    ]
    drawings = torch.cat([banks.others[0].images, banks.others[0].images.flip(2)])
    assert all((drawings == image).all((1, 2)).any() for image in picked.others[0].images)


def test_without_shares_no_banks_are_made_and_none_without_images_is_returned(banks: Banks):
    assert banks_for(TrainConfig(), CPU) is None
    assert banks_for(SMALL, CPU) is banks
    picked = banks.pick(TrainConfig(others=0.1), 10, generator())
    assert not picked.clothing and len(picked.others) == 1


def test_shards_are_the_images_of_the_whole(banks: Banks):
    whole = banks.pick(SMALL, 40, generator(1))
    for rank in range(3):
        rows = slice(rank, None, 3)
        part = banks.pick(SMALL, 40, generator(1), rows)
        for own, bank in zip(part.clothing, whole.clothing, strict=True):
            assert torch.equal(own.images, bank.images[rows])
            assert torch.equal(own.labels, bank.labels[rows])
