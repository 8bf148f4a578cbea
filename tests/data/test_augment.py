"""Data augmentation: what it does to an image, and that a seed repeats it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alexnet_demo.data.augment import (
    RARELY_DRAWN,
    augment,
    erase,
    flip,
    order_by_drawability,
    shift,
)
from alexnet_demo.data.batch_random import Label
from alexnet_demo.data.splits import load_split
from alexnet_demo.images.redraw import SKETCH_SIDE
from alexnet_demo.settings.config import TrainConfig
from alexnet_demo.training.distributed import ProcessGroup
from tests.support.fake_cuda import CUDA, OperationCounter, fake_cuda, fake_split
from tests.support.seeding import generator


@pytest.fixture
def images() -> Tensor:
    return torch.randint(1, 256, (200, 28, 28), dtype=torch.uint8, generator=generator(9))


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(200) % 10


def test_no_augmentation_changes_nothing(images: Tensor, labels: Tensor):
    (same,) = augment(images, labels, TrainConfig(), generator())
    assert torch.equal(same, images)


def test_shares_become_drawings_and_photos_and_the_rest_stays(images: Tensor, labels: Tensor):
    config = TrainConfig(drawings=0.3, photos=0.25)
    drawings, photos, plain = augment(images, labels, config, generator())
    assert drawings.shape == (60, SKETCH_SIDE, SKETCH_SIDE)
    assert photos.shape == (50, 28, 28)
    assert torch.equal(plain, images[110:])
    assert {group.dtype for group in (drawings, photos, plain)} == {torch.uint8}


def test_all_may_be_drawings_and_a_single_image_none(images: Tensor, labels: Tensor):
    (drawings,) = augment(images[:9], labels[:9], TrainConfig(drawings=1.0), generator())
    assert len(drawings) == 9
    (plain,) = augment(images[:1], labels[:1], TrainConfig(drawings=0.3), generator())
    assert torch.equal(plain, images[:1])


def test_about_half_are_flipped_and_the_others_unchanged(images: Tensor):
    flipped = flip(images, generator())
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(flipped, images, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(flipped, images, strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert 70 < sum(mirrored) < 130


def test_a_shift_moves_the_whole_image_by_at_most_its_reach(images: Tensor):
    moved = shift(images, 2, generator())
    offsets = set()
    for before, after in zip(images, moved, strict=True):
        matches = [
            (y, x)
            for y in range(-2, 3)
            for x in range(-2, 3)
            if torch.equal(after, _shifted(before, y, x))
        ]
        assert len(matches) == 1
        offsets |= set(matches)
    assert len(offsets) == 25


def _shifted(image: Tensor, y: int, x: int) -> Tensor:
    """The pixel at (row, column) comes from (row + y, column + x)."""
    padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
    return padded[2 + y : 30 + y, 2 + x : 30 + x]


def test_erasing_covers_one_rectangle_with_one_gray_level(images: Tensor):
    erased = erase(images, 0.5, generator())
    changed = erased != images
    touched = changed.flatten(1).any(1)
    assert 70 < touched.sum() < 130
    for after, where in zip(erased[touched], changed[touched], strict=True):
        rows, columns = where.any(1).nonzero(), where.any(0).nonzero()
        box = after[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert max(box.shape) <= 12
        assert len(box.unique()) <= 2  # a pixel may have had that level before
    assert torch.equal(erase(images, 0.0, generator()), images)


def test_most_shirts_come_last_and_the_rest_keep_their_order():
    labels = torch.arange(10).repeat(200)
    order = order_by_drawability(labels, 0.25, generator())
    assert order.sort().values.tolist() == list(range(2_000))
    ordered = labels[order]
    shirts, boots, bags = (
        (ordered[:1_600] == label).sum() for label in (Label.SHIRT, Label.ANKLE_BOOT, Label.BAG)
    )
    assert 30 < shirts < 100 < boots < 170 < bags
    usual = ~torch.isin(labels, torch.tensor(list(RARELY_DRAWN)))
    others = order[torch.isin(order, usual.nonzero().flatten())].tolist()
    assert others == sorted(others)


def test_a_seed_repeats_the_augmentation(images: Tensor, labels: Tensor):
    config = TrainConfig(flip=True, shift=2, erase=0.5, drawings=0.2, photos=0.2)
    once, again, other = (augment(images, labels, config, generator(seed)) for seed in (1, 1, 2))
    assert sum(len(group) for group in once) == len(images)
    for a, b, c in zip(once, again, other, strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


@pytest.mark.parametrize("size", [2, 3])
def test_shards_are_the_images_of_the_whole_batch(size: int) -> None:
    """Bit for bit: whatever the number of processes, they train on the same images."""
    config, data = TrainConfig.from_recipe("best", erase=0.5), load_split(train=True).head(47)

    def images_of(rows: slice) -> list[Tensor]:
        groups = augment(data.images, data.labels, config, generator(), rows)
        return [image for group in groups for image in group]

    whole = images_of(slice(None))
    for rank in range(size):
        rows, _ = ProcessGroup(rank, size).shard(len(data))
        shard = images_of(rows)
        assert len(shard) == len(whole[rows])
        assert all(torch.equal(a, b) for a, b in zip(shard, whole[rows], strict=True))


def test_augmenting_takes_few_operations() -> None:
    """A GPU waits for the host to launch them; version 0.5 took 1,737."""
    config, data = TrainConfig.from_recipe("best"), load_split(train=True).head(128)
    augment(data.images, data.labels, config, generator())  # constants are made once
    with OperationCounter() as counter:
        augment(data.images, data.labels, config, generator())
    assert counter.operations.total() <= 405, counter.operations.most_common(10)


def test_augmenting_on_a_gpu_makes_the_host_wait_for_nothing() -> None:
    config = TrainConfig.from_recipe("best")
    with fake_cuda() as counter:
        data, random = fake_split(128), torch.Generator(CUDA).manual_seed(0)
        for _ in range(2):
            counter.clear()  # constants are copied once
            order = order_by_drawability(data.labels, config.drawings, random)
            groups = augment(data.images[order], data.labels[order], config, random)
        assert {group.device for group in groups} == {CUDA}
        assert sum(len(group) for group in groups) == 128
    assert not counter.waits
