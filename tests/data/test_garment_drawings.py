"""Generated drawings of clothes: of the right form, of their class, and never twice the same."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.data import garment_details as details
from alexnet_demo.data.batch_random import SHOES, Label
from alexnet_demo.data.garment_details import Cut
from alexnet_demo.data.garment_drawings import CUTS, DETAILS, garment_drawings, outline
from alexnet_demo.images.redraw import SHADE, SKETCH_SIDE

DRAWN = [label for label in Label if label not in SHOES]


@pytest.mark.parametrize("label", DRAWN)
def test_drawings_are_light_on_black_and_fill_the_frame(label: Label):
    drawn = garment_drawings(label, 40, np.random.default_rng(3))
    assert drawn.shape == (40, SKETCH_SIDE, SKETCH_SIDE)
    assert drawn.dtype == np.uint8
    ink = drawn > 200
    spans = [max(np.ptp(np.flatnonzero(image.any(axis))) for axis in (0, 1)) for image in ink]
    assert min(spans) >= 0.9 * SKETCH_SIDE  # from edge to edge, perhaps with gaps between
    assert (ink.mean((1, 2)) < 0.6).all()
    shaded = (drawn == SHADE).mean((1, 2)) > 0.02
    assert 10 < shaded.sum() < 38
    assert len({image.tobytes() for image in drawn}) == 40


@pytest.mark.parametrize("label", DRAWN)
def test_a_seed_repeats_the_drawings(label: Label):
    once, again, other = (
        garment_drawings(label, 3, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_coats_and_shirts_always_open_in_front_and_other_tops_never():
    fronts = {details.opening, details.placket, details.open_front, details.zip_fastener}
    for label, groups in DETAILS.items():
        chance = sum(share for group in groups for part, share in group.items() if part in fronts)
        assert chance == pytest.approx(1.0 if label in (Label.COAT, Label.SHIRT) else 0.0)
        assert all(sum(group.values()) <= 1 + 1e-9 for group in groups)


def test_sleeves_lie_outside_of_the_trunk():
    rng = np.random.default_rng(0)
    for limits in CUTS.values():
        for _ in range(50):
            cut = Cut(**{name: rng.uniform(*limit) for name, limit in limits.items()})
            _, sleeve, trunk = outline(cut)
            assert sleeve[-1][0] > cut.chest
            heights = [y for _, y in trunk]
            assert heights == sorted(heights)
