"""The preview of training images: which samples, and exactly as they are augmented."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from alexnet_demo.data.augment import augment, order_by_drawability
from alexnet_demo.data.preview import preview_groups, samples_per_class
from alexnet_demo.data.splits import Split
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.settings.config import TrainConfig

COUNT = 12  # of each class


@pytest.fixture
def split() -> Split:
    """Images whose first pixel is their index, with shuffled classes."""
    count = COUNT * len(CLASSES)
    images = torch.full((count, 28, 28), 90, dtype=torch.uint8)
    images[:, 0, 0] = torch.arange(count, dtype=torch.uint8)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return Split(images, order % len(CLASSES))


def test_rows_of_ten_hold_one_of_each_class(split: Split):
    samples = samples_per_class(split, count=3)
    assert samples.labels.tolist() == list(range(10)) * 3
    assert len(samples.images[:, 0, 0].unique()) == 30


def test_pages_show_all_images_before_they_repeat(split: Split):
    pages = [set(samples_per_class(split, 4, page).images[:, 0, 0].tolist()) for page in range(4)]
    assert len(pages[0] | pages[1] | pages[2]) == 120
    assert pages[3] == pages[0]


@pytest.mark.parametrize(
    ("shares", "counts"),
    [
        ({}, {"plain": 40}),
        ({"drawings": 0.35, "photos": 0.2}, {"drawings": 14, "photos": 8, "plain": 18}),
        ({"photos": 0.5}, {"photos": 20, "plain": 20}),
        ({"drawings": 1.0}, {"drawings": 40}),
        ({"drawings": 0.001}, {"plain": 40}),
    ],
)
def test_groups_equal_the_augmented_batch(
    split: Split, shares: dict[str, Any], counts: dict[str, int]
):
    config = replace(TrainConfig(flip=True, shift=2), **shares)
    samples = samples_per_class(split, 4)
    groups = preview_groups(samples, config, seed=3)
    assert {group.style: len(group.labels) for group in groups} == counts
    generator = torch.Generator().manual_seed(3)
    order = order_by_drawability(samples.labels, config.drawings, generator)
    if config.drawings in (0, 1):
        assert torch.equal(order, torch.arange(len(samples)))
    images, labels = samples.images[order], samples.labels[order]
    assert torch.equal(torch.cat([group.labels for group in groups]), labels)
    expected = augment(images, labels, config, generator)
    assert all(torch.equal(g.images, e) for g, e in zip(groups, expected, strict=True))


def test_what_is_added_to_the_batch_follows_it(split: Split):
    config = TrainConfig(generated=0.25, others=0.1)
    groups = preview_groups(samples_per_class(split, 4), config, seed=3)
    assert [(group.style, len(group.labels)) for group in groups] == [
        *(("plain", 40), ("generated", 6), ("generated", 4), ("others", 2), ("others", 2)),
    ]
