from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from alexnet_demo.images import redraw
from alexnet_demo.images.boxes import bounding_box, crop
from alexnet_demo.images.redraw import CANVAS, PEN

SHIRT = [(70, 60), (186, 60), (236, 110), (206, 140), (186, 120), (186, 216), (70, 216)]
SHIRT += [(70, 120), (50, 140), (20, 110)]


def drawn(pen: int = 7, gap: int = 0, ink: int = 0, paper: int = 255) -> np.ndarray:
    """A shirt's outline, uint8 (256, 256); ``gap`` pixels of its hem are missing."""
    image = Image.new("L", (256, 256), paper)
    pencil = ImageDraw.Draw(image)
    pencil.line([*SHIRT, SHIRT[0]], fill=ink, width=pen, joint="curve")
    if gap:
        pencil.rectangle((128 - gap // 2, 200, 128 + gap // 2, 230), fill=paper)
    return np.asarray(image)


def redrawn(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strokes and their interior."""
    ink = gray < 128
    strokes, skeleton = redraw.redraw(redraw.place(crop(ink, bounding_box(ink))))
    return strokes, redraw.interior(strokes, skeleton)


def test_a_skeleton_is_one_pixel_wide_and_keeps_the_shape() -> None:
    mask = (drawn(9) < 128).astype(np.uint8)
    thin = redraw.thin(mask)
    assert not (thin & ~mask).any()
    blocks = thin[:-1, :-1] + thin[1:, :-1] + thin[:-1, 1:] + thin[1:, 1:]
    assert (blocks == 4).sum() <= 2
    assert redraw.pen_width(mask, thin) == pytest.approx(9, abs=2)


@pytest.mark.parametrize("pen", [1, 3, 7, 14, 24])
def test_every_pen_becomes_the_standard_pen(pen: int) -> None:
    strokes, interior = redrawn(drawn(pen))
    assert redraw.pen_width(strokes, redraw.thin(strokes)) == pytest.approx(PEN, abs=2)
    rows, columns = np.nonzero(strokes)
    assert 0.84 * CANVAS <= max(np.ptp(rows), np.ptp(columns)) + 1 <= CANVAS
    assert interior[CANVAS // 2, CANVAS // 2] and not interior[3, 3]


@pytest.mark.parametrize("side", [300, 420, 512])
def test_a_line_one_pixel_wide_survives_being_reduced(side: int) -> None:
    ink = np.eye(side, dtype=bool)
    ink[side // 2] = True
    ink[:, side // 3] = True
    placed = redraw.place(ink)[PEN:-PEN, PEN:-PEN]
    assert placed.any(1).mean() > 0.95 and placed.any(0).mean() > 0.95


def test_filled_parts_stay_filled() -> None:
    image = Image.fromarray(drawn(7).copy())
    ImageDraw.Draw(image).rectangle((90, 130, 170, 200), fill=0)
    strokes, _ = redrawn(np.asarray(image))
    assert strokes[140:160, 100:120].all()


@pytest.mark.parametrize("gap", [0, 8, 20, 60])
def test_the_interior_is_found_despite_gaps(gap: int) -> None:
    strokes, interior = redrawn(drawn(7, gap))
    assert interior[CANVAS // 2, CANVAS // 2]
    assert not interior[3, 3] and not (interior & strokes).any()


def test_an_open_drawing_has_no_interior() -> None:
    image = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(image).line([(30, 30), (128, 200), (226, 30)], fill=0, width=7)
    strokes, interior = redrawn(np.asarray(image))
    assert strokes.any() and not interior.any()


def test_notches_of_the_outline_stay_outside() -> None:
    """Between trouser legs there is background, however close they are."""
    image = Image.new("L", (256, 256), 255)
    legs = [(80, 20), (176, 20), (190, 236), (140, 236), (128, 90), (116, 236), (66, 236), (80, 20)]
    ImageDraw.Draw(image).line(legs, fill=0, width=5, joint="curve")
    _, interior = redrawn(np.asarray(image))
    assert not interior[CANVAS - 20, CANVAS // 2]
    assert interior[CANVAS - 20, CANVAS // 2 - 35] and interior[CANVAS - 20, CANVAS // 2 + 35]


@pytest.mark.parametrize("side", [28, 56, 112])
@pytest.mark.parametrize("shade", [0, 100])
def test_side_and_shade_are_configurable(
    side: int, shade: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redraw, "SKETCH_SIDE", side)
    monkeypatch.setattr(redraw, "SHADE", shade)
    view = redraw.render(*redrawn(drawn()))
    assert view.shape == (side, side) and view.dtype == np.uint8
    assert view[side // 2, side // 2] == shade and view.max() > 220
    assert view[0, 0] == 0
