"""Banks of generated images, and what they add to a batch."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.data.banks import Banks, add_from_banks, load_banks
from alexnet_demo.data.batch_random import Label
from alexnet_demo.images.redraw import SKETCH_SIDE
from alexnet_demo.settings.config import TrainConfig
from tests.support.seeding import generator

CPU, ALL = torch.device("cpu"), slice(None)
SMALL = TrainConfig(train_samples=200, generated=0.5, others=0.25)  # 3 images of a class and kind


@pytest.fixture(scope="module")
def banks() -> Banks:
    return load_banks(CPU, 3)


def test_every_class_is_drawn_and_photographed_equally_often(banks: Banks):
    for bank, side in zip(banks.clothing, (SKETCH_SIDE, 28), strict=True):
        assert bank.images.shape == (30, side, side)
        assert torch.equal(bank.labels.bincount(), torch.full((len(Label),), 3))
        assert (bank.images.amax((1, 2)) > 100).all()


def test_the_purpose_decides_what_is_made(banks: Banks):
    again, other = load_banks.__wrapped__(CPU, 3), load_banks.__wrapped__(CPU, 3, "export")
    assert torch.equal(again.clothing[1].images, banks.clothing[1].images)
    assert not torch.equal(other.clothing[1].images, banks.clothing[1].images)
    assert not torch.equal(other.others[0].images, banks.others[0].images)


def add(config: TrainConfig, rows: slice = ALL) -> tuple[list[torch.Tensor], torch.Tensor]:
    images = [torch.zeros(40, 28, 28, dtype=torch.uint8)]
    return add_from_banks(images, torch.zeros(40).long(), 40, config, generator(1), rows)


def test_the_shares_are_relative_to_the_batch_and_other_things_come_last(banks: Banks):
    groups, labels = add(SMALL)
    assert [tuple(group.shape) for group in groups] == [
        *((40, 28, 28), (12, SKETCH_SIDE, SKETCH_SIDE), (8, 28, 28)),
        *((6, SKETCH_SIDE, SKETCH_SIDE), (4, 28, 28)),
    ]
    assert len(labels) == 60
    drawings = torch.cat([banks.others[0].images, banks.others[0].images.flip(2)])
    assert all((drawings == image).all((1, 2)).any() for image in groups[3])


def test_without_shares_nothing_is_made_or_added():
    groups, labels = add(TrainConfig())
    assert len(groups) == 1 and len(labels) == 40


def test_shards_are_the_images_of_the_whole():
    groups, _ = add(SMALL)
    for rank in range(3):
        own, _ = add(SMALL, slice(rank, None, 3))
        assert all(torch.equal(a, b[rank::3]) for a, b in zip(own[1:], groups[1:], strict=True))
