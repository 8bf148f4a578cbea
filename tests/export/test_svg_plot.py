"""Ticks are round numbers, and coordinates match the data."""

from __future__ import annotations

import pytest

from alexnet_demo.export.svg_plot import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Line,
    Plot,
    round_range,
    ticks,
)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 46, 8, [0, 10, 20, 30, 40]),
        (0, 4, 8, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]),
        (0.55, 0.93, 5, [0.6, 0.7, 0.8, 0.9]),
        (1.02, 1.035, 5, [1.02, 1.025, 1.03, 1.035]),
        (2, 2, 5, [2]),
    ],
)
def test_ticks_are_round(low: float, high: float, most: int, expected: list[float]):
    assert ticks(low, high, most) == pytest.approx(expected)


def test_a_range_has_round_ends_around_all_values():
    assert round_range([0.5787, 0.9467]) == pytest.approx((0.5, 1.0))
    assert round_range([2.3, 0.14, 0.5]) == pytest.approx((0.0, 2.5))
    assert round_range([]) == (0.0, 1.0)
    low, high = round_range([0.3, 0.3])
    assert low < 0.3 < high


def test_coordinates_match_the_data():
    plot = Plot("t", "x", (0, 10), (0, 1), [Line("l", "train", [(0, 0), (5, 0.5), (10, 1)])])
    left, top, right, bottom = LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM
    middle = f"{(left + right) / 2},{(top + bottom) / 2}"
    assert plot.path(plot.lines[0]) == f"{left:.1f},{bottom:.1f} {middle} {right:.1f},{top:.1f}"
    assert plot.up(7) == top  # clipped to the frame
    assert [text for _, text in plot.x_ticks] == ["0", "2", "4", "6", "8", "10"]
    assert [at for at, _ in plot.x_ticks][-1] == right
