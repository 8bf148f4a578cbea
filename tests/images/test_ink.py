from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from alexnet_demo.images import ink as paper
from tests.images.test_redraw import SHIRT, drawn


def photographed(grey: np.ndarray, seed: int = 0) -> np.ndarray:
    """A drawing (H, W) on yellowish paper in uneven light with grain, uint8 (H, W, 3)."""
    height, width = grey.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 0.65 * (1 + 0.3 * x - 0.2 * y) * (1 - 0.2 / (1 + np.exp(-6 * (x + y))))
    grain = np.random.default_rng(seed).normal(0, 2.5, (height, width, 3))
    sheet = np.array([1, 0.97, 0.9]) * light[..., None] * (grey / 255)[..., None]
    return np.rint(sheet * 255 + grain).clip(0, 255).astype(np.uint8)


def in_colour(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, 2)


def ink_of(picture: np.ndarray) -> np.ndarray:
    return paper.find_ink(paper.contrast(picture, paper.paper(picture)))


# ------------------------------------------------------------------ drawing or photo


@pytest.mark.parametrize("pen", [1, 3, 7, 16])
@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (255, 0), (200, 250), (60, 120)])
def test_line_drawings_are_told(pen: int, ink: int, ground: int) -> None:
    assert paper.is_drawing(drawn(pen, ink=ink, paper=ground))


def test_a_photographed_drawing_is_one_too() -> None:
    picture = photographed(drawn(5, ink=90))
    assert paper.is_drawing(np.asarray(Image.fromarray(picture).convert("L")))


def test_a_drawing_with_a_filled_part_is_one_too() -> None:
    image = Image.fromarray(drawn(7).copy())
    ImageDraw.Draw(image).rectangle((100, 150, 150, 190), fill=0)
    assert paper.is_drawing(np.asarray(image))


def test_surfaces_are_no_drawings() -> None:
    solid = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(solid).polygon(SHIRT, fill=30)
    pale = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(pale).polygon(SHIRT, fill=225, outline=200)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    for grey in (np.asarray(solid), np.asarray(pale), noise, np.full((90, 90), 255, np.uint8)):
        assert not paper.is_drawing(grey)


def test_the_table_around_a_sheet_is_taken_away() -> None:
    table = np.full((400, 500, 3), (110, 75, 45), np.uint8)
    table += (np.arange(500)[None, :, None] // 8 % 2 * 25).astype(np.uint8)
    table[60:316, 120:376] = in_colour(drawn(6, ink=40, paper=230))
    sheet = paper.only_sheet(table)
    assert sheet is not None and sheet.shape == table.shape
    assert abs(int(sheet[5, 5].mean()) - 230) < 12, "paper goes on beyond its edge"
    assert np.array_equal(sheet[150:250, 200:300], table[150:250, 200:300])
    assert paper.is_drawing(np.asarray(Image.fromarray(sheet).convert("L")))


def test_without_a_table_there_is_no_sheet() -> None:
    assert paper.only_sheet(in_colour(drawn())) is None
    assert paper.only_sheet(np.zeros((50, 50, 3), np.uint8)) is None


# ------------------------------------------------------------------ ink


def test_ink_is_found_in_uneven_light() -> None:
    clean = drawn(5, ink=110)
    found, true = ink_of(photographed(clean)), clean < 180
    assert (found & true).sum() > 0.95 * true.sum()
    assert (found & ~true).sum() < 0.15 * true.sum()


def test_the_paper_is_seen_through_filled_parts() -> None:
    image = Image.new("L", (256, 256), 255)
    ImageDraw.Draw(image).ellipse((80, 80, 180, 180), fill=20)
    assert ink_of(in_colour(np.asarray(image)))[130, 130]


def test_faint_parts_count_only_where_they_are_joined_to_ink() -> None:
    strength = np.zeros((60, 60), np.float32)
    strength[20:24, 5:30], strength[20:24, 30:50], strength[50, 5:50] = 0.8, 0.3, 0.3
    found = paper.find_ink(strength)
    assert found[22, 10] and found[22, 45] and not found[50, 20]


def test_coloured_ink_counts_by_the_channel_that_shows_it() -> None:
    yellow = np.full((80, 80, 3), 255, np.uint8)
    yellow[40, 10:70] = (255, 240, 90)
    assert ink_of(yellow)[40, 40]


def test_specks_and_the_edges_of_the_page_are_dropped() -> None:
    ink = drawn() < 128
    dirty = ink.copy()
    dirty[5, 128] = dirty[:, -2:] = True
    assert np.array_equal(paper.drop_specks(dirty), ink)
