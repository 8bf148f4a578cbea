"""Random numbers of a batch: in their range, independent for each image; the labels' names."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.data.batch_random import TOPS, BatchRandom, Label, expand_nchw, one_of
from alexnet_demo.settings.article import CLASSES
from tests.support.seeding import generator


def test_random_numbers_are_independent_and_in_their_range():
    random = BatchRandom(1000, generator())
    values = random.uniform(2, 4)
    assert 2 <= values.min() < 2.1 < 3.9 < values.max() < 4
    assert float(random.chance(0.25).float().mean()) == pytest.approx(0.25, abs=0.05)
    noise = random.smooth_noise(5, 20)
    assert noise.shape == (1000, 1, 20, 20)
    assert float(noise.std()) == pytest.approx(1, abs=0.15)


def test_labels_match_the_classes():
    for label, name in enumerate(CLASSES):
        constant = name.partition("/")[0].upper().replace(" ", "_").replace("-", "_")
        assert Label[constant] == label
    assert one_of(torch.arange(10), TOPS).nonzero()[:, 0].tolist() == [0, 2, 4, 6]


def test_expanding_for_broadcasting():
    assert expand_nchw(torch.ones(3)).shape == (3, 1, 1, 1)
