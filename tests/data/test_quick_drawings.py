"""Drawings as people make them in a few seconds: the parts and the lines that are missing."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.data import quick_bags, quick_clothes, quick_shoes
from alexnet_demo.data.batch_random import Label
from alexnet_demo.data.garment_details import Cut
from alexnet_demo.data.garment_drawings import CUTS, QUICK, garment_art
from alexnet_demo.data.line_art import LineArt

WAYS = (
    quick_bags.eared,
    quick_bags.nested,
    quick_bags.from_behind,
    quick_bags.overlapping,
    quick_clothes.bridge,
    quick_clothes.walking,
    quick_clothes.leggings,
    quick_clothes.one_leg,
    quick_shoes.plain_sandal_above,
    quick_shoes.wedge_sandal,
    quick_shoes.plain_shoe,
    quick_shoes.banana_shoe,
    quick_shoes.high_top,
    quick_shoes.sock_boot,
)
TOPS = (quick_clothes.open_below, quick_clothes.parts, quick_clothes.icon)


def drawn(way, seed: int, *cut: Cut) -> LineArt:
    art = LineArt(np.random.default_rng(seed))
    way(art, *cut)
    return art


def span(art: LineArt) -> np.ndarray:
    """Width and height of a drawing before it is scaled."""
    return np.ptp(np.concatenate(art.strokes), axis=0)


def random_cut(seed: int, label: Label = Label.PULLOVER) -> Cut:
    rng = np.random.default_rng(seed)
    return Cut(**{name: rng.uniform(*limit) for name, limit in CUTS[label].items()})


@pytest.mark.parametrize("way", WAYS)
def test_each_way_draws_few_strokes_and_never_the_same_ones(way):
    arts = [drawn(way, seed) for seed in range(15)]
    assert max(len(art.strokes) for art in arts) <= 20
    assert all(np.isfinite(np.concatenate(art.strokes)).all() for art in arts)
    assert len({np.concatenate(art.strokes).tobytes() for art in arts}) == 15
    assert {art.render().max() for art in arts[:3]} == {255}


def test_straps_and_pockets_bulge_on_both_sides_of_a_backpack():
    for seed in range(20):
        body, *others = drawn(quick_bags.eared, seed).strokes
        x = np.concatenate(others)[:, 0]
        assert x.min() < body[:, 0].min()
        assert x.max() > body[:, 0].max()


def test_some_trousers_have_no_hems():
    """Two strokes, the outer and the inner edge, neither of which ends where it began."""
    arts = [drawn(quick_clothes.bridge, seed) for seed in range(60)]
    closed = [[np.allclose(p[0], p[-1]) for p in art.strokes] for art in arts]
    assert 5 < closed.count([False, False]) < 40
    assert any(any(strokes) for strokes in closed)
    assert min(span(art)[1] / span(art)[0] for art in arts) < 0.8


@pytest.mark.parametrize("seed", range(10))
def test_a_top_that_is_open_below_has_no_line_across(seed: int):
    art = drawn(quick_clothes.open_below, seed, random_cut(seed))
    assert all((points[:, 0] >= 0).all() or (points[:, 0] <= 0).all() for points in art.strokes)


@pytest.mark.parametrize("way", TOPS)
def test_sleeves_stand_off_a_top_on_both_sides(way):
    for seed in range(10):
        cut = random_cut(seed, Label.T_SHIRT)
        x = np.concatenate(drawn(way, seed, cut).strokes)[:, 0]
        assert min(-x.min(), x.max()) > cut.chest


def test_a_boot_is_higher_than_it_is_long_more_often_than_a_high_top():
    ratios = [
        [np.divide(*span(drawn(way, seed))) for seed in range(20)]
        for way in (quick_shoes.sock_boot, quick_shoes.high_top, quick_shoes.plain_shoe)
    ]
    boot, high_top, shoe = map(np.median, ratios)
    assert boot < 1 < high_top < shoe


@pytest.mark.parametrize("label", [Label.BAG, Label.TROUSER, Label.COAT])
def test_only_quick_drawings_are_quick(label: Label):
    """Photos are colored in between the lines, which must close."""
    usual, quick = (
        [garment_art(label, np.random.default_rng(seed), quick=quick) for seed in range(5)]
        for quick in (False, True)
    )
    default = [garment_art(label, np.random.default_rng(seed)) for seed in range(5)]
    for one, other, third in zip(usual, quick, default, strict=True):
        assert not np.array_equal(np.concatenate(one.strokes), np.concatenate(other.strokes))
        assert np.array_equal(np.concatenate(one.strokes), np.concatenate(third.strokes))


def test_quick_drawings_stay_the_smaller_share():
    assert all(0 < share < 0.5 for share in QUICK.values())
