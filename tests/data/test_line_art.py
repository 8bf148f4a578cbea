import numpy as np
import pytest

from alexnet_demo.data import line_art
from alexnet_demo.data.line_art import LineArt, extend, resample, smooth
from alexnet_demo.images import redraw

SQUARE = ((0, 0), (10, 0), (10, 10), (0, 10))


def square(seed: int = 0) -> LineArt:
    art = LineArt(np.random.default_rng(seed))
    art.polygon(*SQUARE)
    return art


def test_a_closed_outline_fills_the_frame_and_is_shaded_inside():
    image = square().render(shaded=True)
    assert image.shape == (redraw.SKETCH_SIDE, redraw.SKETCH_SIDE)
    rows, columns = np.nonzero(image)
    assert min(rows.min(), columns.min()) <= 2
    assert max(rows.max(), columns.max()) >= redraw.SKETCH_SIDE - 3
    assert image[28, 28] == redraw.SHADE
    assert square().render(shaded=False)[28, 28] == 0


def test_the_same_seed_gives_the_same_drawing_and_another_seed_another():
    assert np.array_equal(square().render(), square().render())
    assert not np.array_equal(square(1).render(), square(2).render())


def test_turning_and_stretching_keep_the_center():
    art = LineArt(np.random.default_rng(0))
    art.line((-1, 0), (1, 0))
    art.turn(90, aspect=2)
    np.testing.assert_allclose(art.strokes[0], [(0, -2), (0, 2)], atol=1e-9)


def test_a_smooth_curve_goes_through_its_points():
    points = np.array([(0, 0), (1, 2), (3, 1)], float)
    curve = smooth(points)
    distances = np.hypot(*(curve[:, None] - points).transpose(2, 0, 1)).min(0)
    assert distances == pytest.approx([0, 0, 0], abs=1e-9)


def test_resampling_keeps_corners_and_leaves_no_long_gap():
    points = resample(np.array(SQUARE, float), 0.5)
    assert np.hypot(*np.diff(points, axis=0).T).max() <= 0.5 + 1e-9
    assert all((points == corner).all(1).any() for corner in SQUARE)


def test_a_single_dot_is_drawn():
    art = LineArt(np.random.default_rng(0))
    art.dot(3, 4)
    assert art.render().max() == 255


def test_extending_moves_the_ends_along_the_stroke():
    points = np.array([(0, 0), (3, 4), (3, 10)], float)
    np.testing.assert_allclose(extend(points, 5, -2), [(-3, -4), (3, 4), (3, 8)])
    np.testing.assert_allclose(extend(points, -100, 0)[0], (1.5, 2))
    assert points[0].tolist() == [0, 0]


def test_some_hands_are_careless(monkeypatch: pytest.MonkeyPatch):
    """They draw a square in more or fewer pixels, and a steady hand hardly so."""

    def spread(share: float) -> float:
        monkeypatch.setattr(line_art, "CARELESS", share)
        ink = [(square(seed).render(shaded=False) > 127).mean() for seed in range(40)]
        return float(np.std(ink))

    assert spread(1.0) > 1.5 * spread(0.0)
