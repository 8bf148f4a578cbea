"""Small tools on arrays, against NumPy's slower ways."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.images.raster import highest, least_squares, lowest, smooth_surface

DICE = np.random.default_rng(0)


@pytest.mark.parametrize(
    "picture", [DICE.integers(0, 256, (5, 7, 3), np.uint8), DICE.random((4, 6, 3))]
)
def test_channels_are_compared_pixel_by_pixel(picture: np.ndarray) -> None:
    assert np.array_equal(lowest(picture), picture.min(2))
    assert np.array_equal(highest(picture), picture.max(2))


def test_least_squares_are_those_of_a_decomposition() -> None:
    y, x = np.mgrid[-1:1:40j, -1:1:50j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    values = DICE.random((len(terms), 3), dtype=np.float32) * 255
    truth = np.linalg.lstsq(terms.astype(np.float64), values, rcond=None)[0]
    assert least_squares(terms, values) == pytest.approx(truth, abs=1e-9)


def test_terms_that_say_the_same_break_nothing() -> None:
    """As in a picture of one column, whose place from left to right is always the same."""
    terms, values = np.ones((30, 2), np.float32), np.full((30, 1), 4.0, np.float32)
    assert terms @ least_squares(terms, values) == pytest.approx(values, abs=1e-6)
    assert np.allclose(smooth_surface(np.full((40, 1, 3), 9, np.float32)), 9, atol=1e-3)


def test_a_surface_passes_over_what_deviates() -> None:
    y, x = np.mgrid[-1:1:60j, -1:1:60j].astype(np.float32)
    paper = np.repeat((200 + 20 * x - 10 * y * y)[..., None], 3, axis=2).astype(np.float32)
    drawn = paper.copy()
    drawn[20:30, 10:50] = 0
    surface = smooth_surface(drawn)
    assert surface.dtype == np.float32 and np.abs(surface - paper).max() < 1
