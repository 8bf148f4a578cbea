"""Drawings of sandals, sneakers, and ankle boots, as people draw them."""

from __future__ import annotations

import numpy as np

from alexnet_demo.data.batch_random import Label
from alexnet_demo.data.line_art import LineArt
from alexnet_demo.data.quick_shoes import (
    banana_shoe,
    high_top,
    plain_sandal_above,
    plain_shoe,
    sock_boot,
    wedge_sandal,
)
from alexnet_demo.data.sandal_outlines import heeled_sandal, sandal_above, sandal_side, slide_side
from alexnet_demo.data.shoe_outlines import (
    Point,
    boot_side,
    heeled_boot,
    simple_shoe,
    sneaker_above,
    sneaker_side,
)
from alexnet_demo.images.redraw import SKETCH_SIDE

SIDE_VIEWS = {
    Label.SANDAL: (sandal_side, heeled_sandal, slide_side, wedge_sandal),
    Label.SNEAKER: (sneaker_side, sneaker_side, simple_shoe, plain_shoe, banana_shoe, high_top),
    Label.ANKLE_BOOT: (boot_side, boot_side, heeled_boot, sock_boot),
}
FROM_ABOVE = {Label.SANDAL: 0.55, Label.SNEAKER: 0.08, Label.ANKLE_BOOT: 0.0}
"""The share of each label's drawings that show it from above."""


def shoe_drawings(label: Label, count: int, rng: np.random.Generator) -> np.ndarray:
    """Drawings of shoes of one of `batch_random.SHOES`, uint8 (count, side, side).

    The side is `redraw.SKETCH_SIDE`; see `LineArt.render` for the gray levels.
    """
    drawings = np.zeros((count, SKETCH_SIDE, SKETCH_SIDE), np.uint8)
    for drawing in drawings:
        drawing[:] = draw_shoe(label, rng).render()
    return drawings


def draw_shoe(label: Label, rng: np.random.Generator) -> LineArt:
    """One shoe of a label, or a pair."""
    art = LineArt(rng)
    if rng.random() < FROM_ABOVE[label]:
        above = (sandal_above, plain_sandal_above) if label == Label.SANDAL else (sneaker_above,)
        above[rng.integers(len(above))](art)
        art.turn(rng.normal(0, 14), aspect=rng.uniform(0.8, 1.2))
        if rng.random() < 0.6:
            _pair_above(art)
        art.turn(rng.choice([0, 180, rng.uniform(0, 360)], p=[0.65, 0.1, 0.25]))
        return art
    views = SIDE_VIEWS[label]
    views[rng.integers(len(views))](art)
    if rng.random() < 0.1:
        beside = rng.random() < 0.5
        offset = (rng.uniform(1.05, 1.3), 0) if beside else (rng.uniform(0.3, 0.8), -0.7)
        _copy(art, (1, 1), offset)
    art.turn(rng.normal(0, 6), rng.uniform(0.75, 1.2), mirror=bool(rng.random() < 0.5))
    return art


def _copy(art: LineArt, scale: Point, offset: Point) -> None:
    """All strokes once more, scaled (mirrored if negative) and moved."""
    for points in list(art.strokes):
        art.stroke(points * scale + offset)


def _pair_above(art: LineArt) -> None:
    """The other shoe beside a shoe seen from above."""
    width = np.ptp(np.concatenate(art.strokes)[:, 0])
    aside, ahead = width * art.rng.uniform(0.9, 1.5), art.rng.normal(0, 0.1)
    _copy(art, (-1 if art.rng.random() < 0.8 else 1, 1), (aside, ahead))
