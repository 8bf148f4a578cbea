from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from alexnet_demo.images.ink import contrast, drop_specks, find_ink, is_drawing, isolate_sheet
from alexnet_demo.images.raster import to_gray, to_uint8
from tests.images.test_redraw import SHIRT, drawn


def photographed(gray: np.ndarray) -> np.ndarray:
    """A drawing (H, W) on yellowish paper in uneven light with grain, uint8 (H, W, 3)."""
    height, width = gray.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 0.65 * (1 + 0.3 * x - 0.2 * y) * (1 - 0.2 / (1 + np.exp(-6 * (x + y))))
    grain = np.random.default_rng(0).normal(0, 2.5, (height, width, 3))
    sheet = np.array([1, 0.97, 0.9]) * light[..., None] * (gray / 255)[..., None]
    return to_uint8(sheet * 255 + grain)


def to_rgb(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[..., None], 3, 2)


def ink_of(image: np.ndarray) -> np.ndarray:
    return find_ink(contrast(image))


@pytest.mark.parametrize("pen", [1, 3, 7, 16])
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (200, 250), (60, 120)])
def test_line_drawings_are_detected(pen: int, ink: int, paper: int) -> None:
    assert is_drawing(drawn(pen, ink=ink, paper=paper))


def test_a_photographed_drawing_is_a_drawing() -> None:
    assert is_drawing(to_gray(photographed(drawn(5, ink=90))))


def test_a_drawing_with_a_filled_part_is_a_drawing() -> None:
    image = Image.fromarray(drawn(7).copy())
    ImageDraw.Draw(image).rectangle((100, 150, 150, 190), fill=0)
    assert is_drawing(np.asarray(image))


def test_surfaces_are_no_drawings() -> None:
    solid, pale = Image.new("L", (256, 256), 255), Image.new("L", (256, 256), 255)
    ImageDraw.Draw(solid).polygon(SHIRT, fill=30)
    ImageDraw.Draw(pale).polygon(SHIRT, fill=225, outline=200)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    for gray in (np.asarray(solid), np.asarray(pale), noise, np.full((90, 90), 255, np.uint8)):
        assert not is_drawing(gray)


def test_the_table_around_a_sheet_is_removed() -> None:
    table = np.full((400, 500, 3), (110, 75, 45), np.uint8)
    table += (np.arange(500)[None, :, None] // 8 % 2 * 25).astype(np.uint8)
    table[60:316, 120:376] = to_rgb(drawn(6, ink=40, paper=230))
    sheet = isolate_sheet(table)
    assert sheet is not None and sheet.shape == table.shape
    assert abs(int(sheet[5, 5].mean()) - 230) < 12, "the paper extends beyond its edge"
    assert np.array_equal(sheet[150:250, 200:300], table[150:250, 200:300])
    assert is_drawing(to_gray(sheet))


def test_without_a_table_there_is_no_sheet() -> None:
    assert isolate_sheet(to_rgb(drawn())) is None
    assert isolate_sheet(np.zeros((50, 50, 3), np.uint8)) is None


def test_ink_is_found_in_uneven_light() -> None:
    clean = drawn(5, ink=110)
    ink, expected = ink_of(photographed(clean)), clean < 180
    assert (ink & expected).sum() > 0.95 * expected.sum()
    assert (ink & ~expected).sum() < 0.15 * expected.sum()


def test_filled_parts_are_ink_too() -> None:
    image = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(image).ellipse((80, 80, 180, 180), fill=20)
    assert ink_of(to_rgb(np.asarray(image)))[130, 130]


def test_faint_parts_count_only_where_they_touch_strong_ones() -> None:
    strength = np.zeros((60, 60), np.float32)
    strength[20:24, 5:30], strength[20:24, 30:50], strength[50, 5:50] = 0.8, 0.3, 0.3
    ink = find_ink(strength)
    assert ink[22, 10] and ink[22, 45] and not ink[50, 20]


def test_colored_ink_counts_by_the_channel_with_most_contrast() -> None:
    yellow = np.full((80, 80, 3), 255, np.uint8)
    yellow[40, 10:70] = (255, 240, 90)
    assert ink_of(yellow)[40, 40]


def test_specks_and_the_edges_of_the_page_are_dropped() -> None:
    ink = drawn() < 128
    dirty = ink.copy()
    dirty[5, 128] = dirty[:, -2:] = True
    assert np.array_equal(drop_specks(dirty), ink)
