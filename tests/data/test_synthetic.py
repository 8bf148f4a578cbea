"""Drawings and photos of garments: still the garment, at the right size and gray levels."""

from __future__ import annotations

import pytest
import torch

from alexnet_demo.data.batch_random import TOPS, BatchRandom, Label
from alexnet_demo.data.garments import (
    CUTS,
    HANDLES,
    SOLES,
    add_handles,
    cut_garments,
    sandals_from_above,
    with_silhouettes,
)
from alexnet_demo.data.splits import Split, load_split
from alexnet_demo.data.synthetic import as_drawings, as_photos, rows_between, synthesize
from alexnet_demo.images.redraw import SHADE, SKETCH_SIDE
from alexnet_demo.settings.article import CLASSES
from tests.support.seeding import generator


@pytest.fixture(scope="module")
def garments() -> Split:
    """Twenty of each class, class by class."""
    data = load_split(train=True).head(2_000)
    return data[torch.cat([(data.labels == c).nonzero()[:20, 0] for c in range(10)])]


@pytest.mark.parametrize("side", [28, SKETCH_SIDE, 112])
def test_a_drawing_is_light_lines_on_black(garments: Split, side: int):
    drawn = as_drawings(garments.images, garments.labels, generator(), side)
    assert drawn.shape == (200, side, side)
    assert drawn.dtype == torch.uint8
    assert (drawn == 0).flatten(1).float().mean(1).median() > 0.3
    assert (drawn.flatten(1).amax(1) > 100).all()
    shaded = (drawn == SHADE).flatten(1).float().mean(1) > 0.05
    assert 50 < shaded.sum() < 150  # about as many drawings are closed as open


def test_a_drawing_fills_its_frame_as_after_preparation(garments: Split):
    drawn = as_drawings(garments.images, garments.labels, generator()) > 60
    spans = torch.stack([drawn.any(axis).float().sum(1) for axis in (1, 2)]).amax(0)
    assert spans.median() > 0.85 * SKETCH_SIDE


def test_photos_are_cut_out_or_on_a_background(garments: Split):
    photos = as_photos(garments.images, garments.labels, generator())
    assert photos.shape == (200, 28, 28)
    assert photos.dtype == torch.uint8
    corners = photos[:, [0, 0, -1, -1], [0, -1, 0, -1]].float().mean(1)
    assert 80 < (corners < 5).sum() < 180
    assert (corners > 40).sum() > 20


@pytest.mark.parametrize("make", [as_drawings, as_photos])
def test_the_same_generator_makes_the_same_images(garments: Split, make):
    once, again, other = (
        make(garments.images, garments.labels, generator(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize("make", [as_drawings, as_photos])
def test_empty_and_full_images_are_accepted(make):
    images = torch.stack([torch.zeros(28, 28), torch.full((28, 28), 255.0)]).to(torch.uint8)
    for label in range(len(CLASSES)):
        assert len(make(images, torch.full((2,), label), generator(label))) == 2


def test_silhouettes_close_holes_but_not_between_trouser_legs():
    images = torch.zeros(2, 28, 28, dtype=torch.uint8)
    images[:, 4:24, 6:22] = 204
    images[:, 10:24, 14] = 0
    labels = torch.tensor([CLASSES.index("Coat"), CLASSES.index("Trouser")])
    coat, trouser = with_silhouettes(images, labels)[:, 1]
    assert coat[15, 14] == 1
    assert trouser[15, 14] == 0


def test_silhouettes_reach_the_edge_of_the_image():
    full = torch.full((1, 28, 28), 204, dtype=torch.uint8)
    assert (with_silhouettes(full, torch.tensor([CLASSES.index("Coat")]))[:, 1] == 1).all()


def test_only_bags_get_handles(garments: Split):
    bare = with_silhouettes(garments.images, garments.labels)
    random = BatchRandom(HANDLES, garments.labels, generator())
    rows = bare[:, 1:].amax(3, keepdim=True)
    handled, covered = add_handles(bare, rows, random).split(1, dim=1)
    changed = (covered != bare[:, 1:]).flatten(1).any(1)
    bags = garments.labels == Label.BAG
    assert not changed[~bags].any()
    assert 2 < changed[bags].sum() < 16
    assert ((handled > 0) & (covered == 0)).float().mean() < 0.05
    # The area under a handle is a gap in some masks, and dark cloth in others.
    column = covered[changed][:, 0].float().diff(dim=1).abs().sum(1).amax(1)
    dark = ((covered == 1) & (handled == 0))[changed].flatten(1).sum(1) > 8
    assert (column >= 3).any()
    assert dark.any()
    assert not dark.all()


def test_flat_sandals_become_soles_without_gaps(garments: Split):
    shown = with_silhouettes(garments.images, garments.labels)
    random = BatchRandom(SOLES, garments.labels, generator())
    rows = shown[:, 1:].amax(3, keepdim=True)
    drawn, soles, pairs = (values.squeeze() for values in sandals_from_above(shown, rows, random))
    closed = drawn[:, 1:]
    changed = (closed != shown[:, 1:]).flatten(1).any(1)
    assert not soles[garments.labels != Label.SANDAL].any()
    assert not changed[~soles].any()
    assert 2 < soles.sum() < 14
    # Toes up: soles are higher than they are wide, and a pair is its own mirror image.
    one, two = closed[soles & ~pairs], closed[pairs]
    assert (one.amax(3).sum(2) > one.amax(2).sum(2)).all()
    assert torch.equal(two, two.flip(3))


def test_garments_are_cut_in_straight_lines_and_at_the_neck(garments: Split):
    """Of an image that is all garment, a convex part is left, with or without a notch or hair."""
    whole = torch.ones(200, 2, 28, 28)
    left = cut_garments(whole, BatchRandom(CUTS, garments.labels, generator()))[:, 1] > 0
    area = left.flatten(1).float().mean(1)
    assert 60 < (area < 0.95).sum() < 160
    assert (area > 0.1).all()
    opened = [any(_has_gap(line) for line in mask.T) for mask in left]
    notched = ~left[:, 0, 12:16].any(1) & left[:, 8:, 12:16].flatten(1).all(1)
    tops = torch.isin(garments.labels, torch.tensor([*TOPS, Label.DRESS]))
    assert not any(opened)
    assert 10 < notched[tops].sum() < 50
    assert notched[~tops].sum() <= 8  # some of them are cut there


def _has_gap(line: torch.Tensor) -> bool:
    """Whether True, False, True follow each other."""
    return int((line.int().diff() == 1).sum() + line[0]) > 1


@pytest.mark.parametrize("rows", [slice(0, None, 3), slice(2, None, 3), slice(0, 1), slice(39, 40)])
def test_a_part_of_a_batch_is_the_same_as_in_the_whole(garments: Split, rows: slice):
    """Bit for bit, also where only one of the two kinds is in the part."""
    some = garments[torch.arange(0, 200, 5)]
    drawings, photos = synthesize(some.images, some.labels, 23, generator())
    own = synthesize(some.images, some.labels, 23, generator(), rows)
    whole = [*drawings, *photos][rows]
    part = [*own[0], *own[1]]
    assert len(part) == len(whole)
    assert all(torch.equal(a, b) for a, b in zip(part, whole, strict=True))


@pytest.mark.parametrize("rows", [slice(None), slice(1, None, 4), slice(0, 1), slice(5, 6)])
def test_rows_are_counted_from_the_start_of_their_group(rows: slice):
    values = list(range(20))
    parts = [values[a:b][rows_between(rows, a, b)] for a, b in ((0, 3), (3, 11), (11, 20))]
    assert [value for part in parts for value in part] == values[rows]
