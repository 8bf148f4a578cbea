"""Array operations, compared with NumPy's slower ways."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_demo.images.raster import channel_max, channel_min, least_squares, smooth_surface

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "image", [RNG.integers(0, 256, (5, 7, 3), np.uint8), RNG.random((4, 6, 3))]
)
def test_channel_min_and_max(image: np.ndarray) -> None:
    assert np.array_equal(channel_min(image), image.min(2))
    assert np.array_equal(channel_max(image), image.max(2))


def test_least_squares_equals_a_full_decomposition() -> None:
    y, x = np.mgrid[-1:1:40j, -1:1:50j].astype(np.float32)
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    values = RNG.random((len(terms), 3), dtype=np.float32) * 255
    expected = np.linalg.lstsq(terms.astype(np.float64), values, rcond=None)[0]
    assert least_squares(terms, values) == pytest.approx(expected, abs=1e-9)


def test_dependent_terms_are_solved() -> None:
    """As in an image of one column, where x is constant."""
    terms, values = np.ones((30, 2), np.float32), np.full((30, 1), 4.0, np.float32)
    assert terms @ least_squares(terms, values) == pytest.approx(values, abs=1e-6)
    assert np.allclose(smooth_surface(np.full((40, 1, 3), 9, np.float32)), 9, atol=1e-3)


def test_a_smooth_surface_ignores_outliers() -> None:
    y, x = np.mgrid[-1:1:60j, -1:1:60j].astype(np.float32)
    paper = np.repeat((200 + 20 * x - 10 * y * y)[..., None], 3, axis=2).astype(np.float32)
    drawing = paper.copy()
    drawing[20:30, 10:50] = 0
    surface = smooth_surface(drawing)
    assert surface.dtype == np.float32 and np.abs(surface - paper).max() < 1
