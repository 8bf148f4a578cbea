import numpy as np
import pytest

from alexnet_demo.data import doodles


def test_parts_follow_their_shapes_and_modifiers() -> None:
    box, eyes, rays, steps = doodles.parse(
        "box 10 20 30 60; ?both dot 40 50; around 4 50 50 line 50 40 50 10; row 3 10 5 line 0 0 1 1"
    )
    assert box.outlines[0].closed and not box.optional
    np.testing.assert_allclose(box.outlines[0].points.min(0), (10, 20))
    np.testing.assert_allclose(box.outlines[0].points.max(0), (30, 60))
    assert eyes.optional
    np.testing.assert_allclose([o.points[:-1].mean(0) for o in eyes.outlines], [(40, 50), (60, 50)])
    tips = [o.points[1] for o in rays.outlines]
    np.testing.assert_allclose(tips, [(50, 10), (90, 50), (50, 90), (10, 50)])
    np.testing.assert_allclose([o.points[0] for o in steps.outlines], [(0, 0), (10, 5), (20, 10)])


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="blob"):
        doodles.parse("blob 1 2")


def test_the_things_cover_much_and_no_clothing() -> None:
    kinds = doodles.doodles()
    assert len(kinds) >= 150
    assert not {"bag", "shoe", "sandal", "coat", "shirt", "dress", "trousers"} & set(kinds)
    for ways in (*kinds.values(), *doodles.characters().values()):
        for way in ways:
            points = np.concatenate([o.points for part in way for o in part.outlines])
            assert points.min() > -25 and points.max() < 125


def test_no_two_drawings_of_a_way_are_alike() -> None:
    way = doodles.doodles()["tree"][0]
    first, second, again = (
        np.concatenate([o.points for o in doodles.vary(way, np.random.default_rng(seed))])
        for seed in (0, 1, 0)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape != second.shape or np.abs(first - second).max() > 0.05


def test_kinds_are_picked_with_the_things_share() -> None:
    kinds = ["tree", "car", "noise"]
    picked = doodles.pick_kinds(4000, kinds, 0.8, np.random.default_rng(0))
    assert picked.count("noise") / 4000 == pytest.approx(0.2, abs=0.03)
    assert set(doodles.pick_kinds(20, ["noise"], 0.8, np.random.default_rng(0))) == {"noise"}
