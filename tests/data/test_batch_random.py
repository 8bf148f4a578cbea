"""Random numbers of a batch: in their range, each picture's its own; the labels' names."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.data import batch_random as names
from alexnet_demo.data.batch_random import TOPS, BatchRandom, expand_n2, expand_nchw, one_of
from alexnet_demo.settings.article import CLASSES


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_dice_fall_for_each_picture_alone():
    dice = BatchRandom(1000, generator())
    drawn = dice.uniform(2, 4)
    assert 2 <= drawn.min() < 2.1 < 3.9 < drawn.max() < 4
    assert float(dice.chance(0.25).float().mean()) == pytest.approx(0.25, abs=0.05)
    smooth_noise = dice.smooth_noise(5, 20)
    assert smooth_noise.shape == (1000, 1, 20, 20)
    assert float(smooth_noise.std()) == pytest.approx(1, abs=0.15)


def test_labels_are_those_of_the_classes():
    for label, name in enumerate(CLASSES):
        constant = name.partition("/")[0].upper().replace(" ", "_").replace("-", "_")
        assert getattr(names, constant) == label
    assert one_of(torch.arange(10), TOPS).nonzero()[:, 0].tolist() == [0, 2, 4, 6]


def test_numbers_of_a_picture_meet_its_pixels():
    assert expand_nchw(torch.ones(3)).shape == (3, 1, 1, 1)
    assert expand_n2(torch.ones(3, 2)).shape == (3, 1, 1, 2)
