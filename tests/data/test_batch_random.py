"""Random numbers of a batch: in their range, independent for each image; the labels' names."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.data.batch_random import BatchRandom, Draws, Label, constant
from alexnet_demo.settings.article import CLASSES
from tests.support.seeding import generator

DRAWS = Draws(
    {"size": (2, 4), "slope": {Label.COAT: (-1, 1)}},
    {"often": 0.25, "coats": {Label.COAT: 0.5}},
    {"cloth": 5, "carpet": 7, "folds": 5},
    normals=3,
)


def test_random_numbers_are_independent_and_in_their_range():
    labels = torch.arange(1000) % 10
    random, coats = BatchRandom(DRAWS, labels, generator()), labels == Label.COAT
    size, slope = random["size"].flatten(), random["slope"].flatten()
    assert 2 <= size.min() < 2.1 < 3.9 < size.max() < 4
    assert -1 <= slope.min() < -0.8 < 0.8 < slope.max() < 1
    assert (slope[~coats] == 0).all()
    assert float(random["often"].float().mean()) == pytest.approx(0.25, abs=0.05)
    chosen = random["coats"].flatten()
    assert not chosen[~coats].any()
    assert 25 < chosen[coats].sum() < 75
    noise = random.noise(20)
    assert noise.keys() == DRAWS.noise.keys()
    for image in noise.values():
        assert image.shape == (1000, 1, 20, 20)
        assert float(image.std()) == pytest.approx(1, abs=0.15)
    assert not torch.equal(noise["cloth"], noise["folds"])
    assert random.normal(3, 1).shape == (1000, 3, 1)


def test_a_part_of_a_batch_gets_the_numbers_of_its_images():
    labels, rows = torch.arange(20) % 10, slice(1, None, 3)
    whole, part = (BatchRandom(DRAWS, labels, generator(), r) for r in (slice(None), rows))
    for name in ("size", "slope", "often", "coats"):
        assert torch.equal(part[name], whole[name][rows])
    for one, other in zip(part.noise(8).values(), whole.noise(8).values(), strict=True):
        assert torch.equal(one, other[rows])


def test_draws_are_joined():
    joined = DRAWS | Draws({"level": (0, 1)}, normals=2)
    assert joined.uniforms.keys() == {"size", "slope", "level"}
    assert joined.chances == DRAWS.chances
    assert joined.normals == 5


def test_a_constant_is_copied_once_for_each_type():
    device = torch.device("cpu")
    assert constant((1, 0), device) is constant((1, 0), device)
    assert constant((1, 0), device).dtype == torch.float32
    assert constant((True, False), device, torch.bool).dtype == torch.bool


def test_labels_match_the_classes():
    for label, name in enumerate(CLASSES):
        constant_name = name.partition("/")[0].upper().replace(" ", "_").replace("-", "_")
        assert Label[constant_name] == label
