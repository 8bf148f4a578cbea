from __future__ import annotations

import json
import time

import numpy as np
import pytest

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images.strokes import SIDE, is_blank, parse, render


def line(**changes: object) -> dict[str, object]:
    return {"tool": "pen", "width": 8, "points": [[20, 128], [236, 128]], **changes}


def test_a_line_has_its_width_and_round_ends() -> None:
    ink = np.asarray(render(parse([line()]))) < 128
    assert ink.shape == (SIDE, SIDE)
    assert ink[:, 128].sum() in (8, 9)
    assert ink[128, 17] and not ink[124, 17]


def test_the_eraser_removes_ink() -> None:
    erased = render(parse([line(), line(tool="eraser", width=30)]))
    assert is_blank(erased)
    assert not is_blank(render(parse([line()])))
    assert is_blank(render(parse(None)))


def test_a_tap_leaves_a_dot() -> None:
    ink = np.asarray(render(parse([line(points=[[100, 100]])]))) < 128
    assert 40 <= ink.sum() <= 70


@pytest.mark.parametrize(
    "forged",
    [
        "strokes",
        {"strokes": []},
        [None],
        [[]],
        [{}],
        [line(tool="axe")],
        [line(width=0)],
        [line(width=1e9)],
        [line(width="8")],
        [line(points=[])],
        [line(points=7)],
        [line(points=[[1]])],
        [line(points=[[1, float("nan")]])],
        [line(points=[[1, 10**400]])],
        [line(points=[[1, None]])],
        [line(points=[[True, "x"]])],
        [line(tool=[])],
        [line()] * 3000,
        [line(points=[[1, 1]] * 60_000)] * 2,
    ],
)
def test_forged_drawings_are_refused(forged: object) -> None:
    with pytest.raises(ImageError):
        parse(forged)


def test_drawings_nested_without_end_are_refused_or_cut() -> None:
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    for forged in (deep, [deep], [line(points=deep)], [line(tool=deep)], [line(width=deep)]):
        with pytest.raises(ImageError):
            parse(forged)
    with pytest.raises(ImageError):
        parse([line(points=[[1, deep]])])
    kept = [stroke.to_json() for stroke in parse([line(other=deep)])]
    assert kept == [line()] and parse(json.loads(json.dumps(kept))) == parse([line()])


def test_the_largest_drawing_takes_seconds() -> None:
    ends = [[0, 0], [SIDE, SIDE], [SIDE, 0], [0, SIDE]]
    strokes = parse([line(width=64, points=ends * 2_500) for _ in range(5)])
    begin = time.process_time()
    render(strokes)
    assert time.process_time() - begin < 4
