"""Line drawings of clothes and bags from what people know about them.

Fashion-MNIST's images show hardly any of what people draw: lapels, buttons, hoods, pockets. Here a
garment is a `Cut`, an outline around it, and details, all from tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from alexnet_demo.data import garment_details as details
from alexnet_demo.data.bag_drawings import draw_bag
from alexnet_demo.data.batch_random import Label, Range
from alexnet_demo.data.garment_details import Cut, Point, between, sleeve_end
from alexnet_demo.data.line_art import LineArt
from alexnet_demo.data.quick_bags import quick_backpack
from alexnet_demo.data.quick_clothes import hood_behind, quick_top, quick_trousers
from alexnet_demo.data.trouser_drawings import draw_trousers
from alexnet_demo.images.redraw import SKETCH_SIDE

Alternatives = Mapping[Callable[[LineArt, Cut], None], float]
"""Details that exclude each other, with their probabilities; the rest is that there is none."""

TOP: dict[str, Range] = {
    "neck": (0.12, 0.28),
    "neck_depth": (0.04, 0.25),
    "shoulder": (0.4, 0.58),
    "slope": (0.0, 0.2),
    "chest": (0.36, 0.5),
    "armhole": (0.22, 0.45),
    "sleeve": (0.6, 1.2),
    "cuff": (0.14, 0.32),
    "angle": (28, 83),
    "bend": (-0.05, 0.12),
    "waist": (0.85, 1.05),
    "waist_height": (0.5, 0.7),
    "hem": (0.85, 1.2),
    "length": (0.95, 1.6),
    "sag": (-0.03, 0.06),
}
CUTS: dict[Label, dict[str, Range]] = {
    Label.T_SHIRT: TOP
    | {"sleeve": (0.22, 0.6), "cuff": (0.25, 0.42), "armhole": (0.28, 0.5), "angle": (5, 65)},
    Label.PULLOVER: TOP,
    Label.SHIRT: TOP | {"sag": (-0.03, 0.15), "length": (1.1, 1.7)},
    Label.COAT: TOP | {"length": (1.0, 2.5), "hem": (0.9, 1.5), "angle": (35, 84)},
    Label.DRESS: TOP
    | {
        "shoulder": (0.3, 0.45),
        "sleeve": (0.1, 0.6),
        "cuff": (0.15, 0.4),
        "chest": (0.28, 0.42),
        "waist": (0.55, 1.0),
        "waist_height": (0.28, 0.5),
        "hem": (0.9, 3.2),
        "length": (1.6, 2.7),
        "sag": (-0.05, 0.15),
    },
}
SEWN: tuple[Alternatives, ...] = ({details.cuffs: 0.3}, {details.armholes: 0.3})
KNITTED: tuple[Alternatives, ...] = (*SEWN, {details.ribbed_hem: 0.4})
DETAILS: dict[Label, tuple[Alternatives, ...]] = {
    Label.T_SHIRT: (
        {
            details.round_neck: 0.5,
            details.v_neck: 0.2,
            details.ribbed_neck: 0.2,
            details.straight_neck: 0.1,
        },
        {details.chest_print: 0.35, details.stripes: 0.1, details.chest_pocket: 0.08},
        *SEWN,
    ),
    Label.PULLOVER: (
        {
            details.round_neck: 0.3,
            details.ribbed_neck: 0.15,
            details.turtleneck: 0.12,
            details.v_neck: 0.1,
            details.straight_neck: 0.08,
            details.hood: 0.25,
        },
        {details.kangaroo_pocket: 0.25, details.stripes: 0.2, details.chest_print: 0.15},
        {details.drawstrings: 0.2},
        *KNITTED,
    ),
    Label.SHIRT: (
        {details.shirt_collar: 1.0},
        {details.opening: 0.65, details.placket: 0.35},
        {details.buttons: 0.9},
        {details.chest_pocket: 0.35},
        *SEWN,
    ),
    Label.COAT: (
        {
            details.lapels: 0.45,
            details.hood: 0.13,
            details.turtleneck: 0.1,
            details.round_neck: 0.17,
            details.v_neck: 0.15,
        },
        {details.opening: 0.7, details.zip_fastener: 0.12, details.open_front: 0.18},
        {details.buttons: 0.45, details.two_rows: 0.2},
        {details.belt: 0.15, details.waist_seam: 0.05},
        {details.low_pockets: 0.5},
        {details.chest_pocket: 0.1},
        *KNITTED,
    ),
    Label.DRESS: (
        {details.round_neck: 0.5, details.v_neck: 0.25, details.straight_neck: 0.25},
        {details.belt: 0.25, details.waist_seam: 0.45},
        {details.folds: 0.3, details.spots: 0.12, details.frill: 0.15},
    ),
}
SHORT_SLEEVES = 0.4  # share of shirts that have them
QUICK = {Label.BAG: 0.3, Label.TROUSER: 0.45}
QUICK_TOPS = 0.3  # share of tops with sleeves
"""The shares of drawings as people make them in a few seconds; none of the photos."""
HOODED = 0.3  # share of quick drawings of pullovers and coats
SLEEVELESS = {Label.COAT: 0.06, Label.DRESS: 0.65}


def garment_drawings(label: Label, count: int, rng: np.random.Generator) -> np.ndarray:
    """Line drawings of one class, shaded inside or not, as `images.redraw.render` leaves them.

    Args:
        label: not of shoes.
        count: how many.
        rng: decides everything.

    Returns:
        uint8 (count, SKETCH_SIDE, SKETCH_SIDE), light strokes on black.
    """
    images = np.zeros((count, SKETCH_SIDE, SKETCH_SIDE), np.uint8)
    for image in images:
        art = garment_art(label, rng, quick=rng.random() < QUICK.get(label, QUICK_TOPS))
        distort(art)
        art.turn(rng.normal(0, 6), np.exp(rng.normal(0, 0.12)), rng.random() < 0.5)
        image[:] = art.render()
    return images


def garment_art(label: Label, rng: np.random.Generator, quick: bool = False) -> LineArt:
    """The strokes of one upright drawing; not of shoes.

    Args:
        label: what to draw.
        rng: decides everything.
        quick: with few strokes, which need not close. Otherwise an outline encloses the cloth.
    """
    art = LineArt(rng)
    if label == Label.BAG:
        quick_backpack(art) if quick else draw_bag(art)
    elif label == Label.TROUSER:
        quick_trousers(art) if quick else draw_trousers(art)
    else:
        draw_top(art, label, quick)
    return art


def distort(art: LineArt) -> None:
    """Bend the whole drawing a little: nobody draws two sides alike."""
    everything = np.concatenate(art.strokes)
    low, high = everything.min(0), everything.max(0)
    scaled = (everything - (low + high) / 2) / (high - low).max()
    x, y = scaled.T
    bend = art.rng.normal(0, art.rng.uniform(0, 0.15), (5, 2))
    bent = scaled + np.stack([x, y, x * y, x * x, y * y], 1) @ bend
    art.strokes = np.split(bent, np.cumsum([len(points) for points in art.strokes])[:-1])


def draw_top(art: LineArt, label: Label, quick: bool = False) -> None:
    """A top or dress: outline, and details of its table; in some drawings few or none."""
    rng = art.rng
    measures = {name: rng.uniform(*limits) for name, limits in CUTS[label].items()}
    if rng.random() < SLEEVELESS.get(label, 0):
        measures["sleeve"] = 0.0
    elif label == Label.SHIRT and rng.random() < SHORT_SLEEVES:
        measures |= {"sleeve": rng.uniform(0.25, 0.6), "cuff": rng.uniform(0.25, 0.4)}
    cut = Cut(**measures)
    strapless = not cut.sleeve and label == Label.DRESS and rng.random() < 0.5
    neck, *others = DETAILS[label]
    if quick and cut.sleeve and label != Label.DRESS:
        quick_top(art, cut)
        if label in (Label.PULLOVER, Label.COAT) and rng.random() < HOODED:
            hood_behind(art, cut)
    else:
        draw_outline(art, cut, strapless)
    if strapless:
        details.straps(art, cut)
    else:
        draw_one(art, cut, neck)
    plain = np.exp(rng.normal(0.3, 0.8))  # more than 1: few details
    for group in others:
        draw_one(art, cut, group, plain)


def draw_one(art: LineArt, cut: Cut, group: Alternatives, plain: float = 1.0) -> None:
    """At most one of the details; what has the probability 1 in total is always drawn."""
    shares = np.array(list(group.values()))
    if art.rng.random() < shares.sum() ** plain:
        detail = art.rng.choice(len(shares), p=shares / shares.sum())
        list(group)[detail](art, cut)


def draw_outline(art: LineArt, cut: Cut, strapless: bool) -> None:
    """Both sides and the bottom; in one stroke, or in three, or the sleeves apart; round or not."""
    rng = art.rng
    draw = art.curve if rng.random() < 0.4 else art.line
    style, loose = rng.choice(["one", "three", "parts"], p=[0.45, 0.3, 0.25]), rng.uniform(0, 0.03)
    halves: list[list[Point]] = []
    for side in (-1, 1):
        shoulder, sleeve, trunk = outline(cut)
        if strapless:
            shoulder, sleeve = [], []
        elif style == "parts" and sleeve:
            draw(*((side * x, y) for x, y in (shoulder[-1], *sleeve, trunk[0])))
            sleeve = []
        points = np.array([*shoulder, *sleeve, *trunk])
        points[1:] += rng.normal(0, loose, points[1:].shape)
        halves.append([(side * x, y) for x, y in points])
    left, right = halves
    bottom = (0, cut.length + cut.sag)
    if style == "one":
        draw(*left, bottom, *right[::-1])
    else:
        draw(*left)
        draw(*right)
        draw(left[-1], bottom, right[-1])


def outline(cut: Cut) -> tuple[list[Point], list[Point], list[Point]]:
    """The right half's outline: neck to shoulder, end of the sleeve, armpit to bottom."""
    shoulder, armpit = (cut.shoulder, cut.slope), (cut.chest, cut.slope + cut.armhole)
    sleeve: list[Point] = []
    if cut.sleeve:
        outer, inner = sleeve_end(cut)
        bend = cut.bend * cut.sleeve
        x, y = between(shoulder, outer, 0.5)
        sleeve = [(x + bend, y - 0.5 * bend), outer, inner]
    waist = (cut.chest * cut.waist, max(cut.waist_height * cut.length, armpit[1] + 0.05))
    return [(cut.neck, 0), shoulder], sleeve, [armpit, waist, (cut.chest * cut.hem, cut.length)]
