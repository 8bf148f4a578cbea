"""Drawings of shoes: as preparation leaves them, of all kinds, and repeatable."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.data.batch_random import SHOES, Label
from alexnet_demo.data.line_art import LineArt
from alexnet_demo.data.sandal_outlines import heeled_sandal, sandal_above, sandal_side, slide_side
from alexnet_demo.data.shoe_drawings import draw_shoe, shoe_drawings
from alexnet_demo.data.shoe_outlines import (
    boot_side,
    heeled_boot,
    simple_shoe,
    sneaker_above,
    sneaker_side,
)
from alexnet_demo.images.redraw import SHADE, SKETCH_SIDE


def span(art: LineArt) -> np.ndarray:
    """Width and height of a drawing before it is scaled."""
    return np.ptp(np.concatenate(art.strokes), axis=0)


@pytest.mark.parametrize("label", SHOES)
def test_a_drawing_fills_the_frame_with_light_lines_on_black(label: Label):
    drawings = shoe_drawings(label, 40, np.random.default_rng(0))
    assert drawings.shape == (40, SKETCH_SIDE, SKETCH_SIDE)
    assert drawings.dtype == np.uint8
    assert (drawings.max((1, 2)) == 255).all()
    rows, columns = (drawings > 60).any(2).sum(1), (drawings > 60).any(1).sum(1)
    assert np.maximum(rows, columns).min() >= 0.8 * SKETCH_SIDE
    shaded = ((drawings == SHADE).mean((1, 2)) > 0.05).sum()
    assert 10 < shaded < 38


@pytest.mark.parametrize("label", SHOES)
def test_the_same_seed_gives_the_same_drawings_all_different(label: Label):
    once, again, other = (shoe_drawings(label, 8, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert len(np.unique(once, axis=0)) == 8


@pytest.mark.parametrize(
    "draw",
    [
        boot_side,
        heeled_boot,
        heeled_sandal,
        sandal_above,
        sandal_side,
        simple_shoe,
        slide_side,
        sneaker_above,
        sneaker_side,
    ],
)
def test_each_kind_of_drawing_is_about_as_long_as_its_coordinates_say(draw):
    for seed in range(20):
        art = LineArt(np.random.default_rng(seed))
        draw(art)
        length = 2.0 if draw in (sandal_above, sneaker_above) else 1.0
        axis = int(draw in (sandal_above, sneaker_above))
        assert span(art)[axis] == pytest.approx(length, rel=0.25)


def test_a_boot_is_higher_than_a_sneaker():
    def height(draw, seed: int) -> float:
        art = LineArt(np.random.default_rng(seed))
        draw(art)
        return span(art)[1]

    boots = [height(boot_side, seed) for seed in range(40)]
    assert min(boots) > np.quantile([height(sneaker_side, seed) for seed in range(40)], 0.9)


def test_shoes_point_to_both_sides_and_come_in_pairs():
    arts = [draw_shoe(Label.SNEAKER, np.random.default_rng(seed)) for seed in range(60)]
    means = [np.concatenate(art.strokes)[:, 0].mean() for art in arts]
    assert 10 < sum(mean < 0 for mean in means) < 50
    assert any(span(art)[0] > 1.6 for art in arts)
