from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from alexnet_demo.images import segmentation

BOX = (70, 40, 150, 170)  # of the object in the pictures below


def truth(shape: tuple[int, int] = (200, 220)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[BOX[1] : BOX[3] + 1, BOX[0] : BOX[2] + 1] = True
    return mask


def on_plain(cloth: tuple[int, int, int], ground: int = 250, tilt: float = 0) -> np.ndarray:
    """A piece of cloth before a plain ground that darkens by ``tilt`` levels across."""
    picture = np.full((200, 220, 3), ground, np.float32)
    picture -= np.linspace(0, tilt, 220, dtype=np.float32)[None, :, None]
    picture[truth()] = cloth
    grain = np.random.default_rng(0).normal(0, 1, picture.shape)
    return np.rint(picture + grain).clip(0, 255).astype(np.uint8)


def cluttered(seed: int = 0) -> np.ndarray:
    """A red piece of cloth on boards of many browns."""
    chance = np.random.default_rng(seed)
    picture = np.zeros((200, 220, 3), np.float32)
    for left in range(0, 220, 20):
        picture[:, left : left + 20] = np.array([110, 80, 50]) * chance.uniform(0.6, 1.5)
    picture[truth()] = (190, 30, 40)
    grained = picture + chance.normal(0, 6, picture.shape)
    return grained.clip(0, 255).astype(np.uint8)


def overlap(mask: np.ndarray, true: np.ndarray) -> float:
    return float((mask & true).sum() / (mask | true).sum())


@pytest.mark.parametrize("cloth", [(40, 40, 90), (200, 60, 60), (236, 236, 236)])
@pytest.mark.parametrize("tilt", [0, 60])
def test_a_plain_ground_comes_off_with_its_gradient(
    cloth: tuple[int, int, int], tilt: float
) -> None:
    picture = on_plain(cloth, tilt=tilt)
    ground = segmentation.find_ground(picture)
    assert ground.plain
    pale_on_tilted = min(cloth) > 200 and tilt > 0  # meets the ground's own level on its way
    assert overlap(segmentation.plain_mask(picture, ground), truth()) > (
        0.5 if pale_on_tilted else 0.93
    )


def test_an_object_may_reach_the_border() -> None:
    picture = on_plain((60, 60, 60))
    picture[40:, 60:160] = (50, 60, 70)
    ground = segmentation.find_ground(picture)
    assert ground.plain and segmentation.plain_mask(picture, ground)[195, 100]


def test_a_soft_shadow_is_ground() -> None:
    picture = Image.fromarray(on_plain((250, 250, 250)))
    shadow = Image.new("L", picture.size, 0)
    ImageDraw.Draw(shadow).rectangle((BOX[0] + 10, BOX[1] + 14, BOX[2] + 14, BOX[3] + 14), fill=70)
    shadow = shadow.filter(ImageFilter.GaussianBlur(9))
    picture.paste((0, 0, 0), mask=shadow)
    pixels = np.asarray(picture).copy()
    pixels[truth()] = (120, 30, 30)
    mask = segmentation.plain_mask(pixels, segmentation.find_ground(pixels))
    assert overlap(mask, truth()) > 0.9


def test_the_hole_under_a_handle_stays_and_prints_are_filled() -> None:
    picture = on_plain((30, 30, 30))
    picture[60:110, 90:130] = 250  # a wide hole
    picture[130:136, 100:106] = 250  # a white print
    mask = segmentation.plain_mask(picture, segmentation.find_ground(picture))
    assert not mask[85, 110] and mask[133, 103]


def test_an_object_seen_by_its_outline_alone_is_filled() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 20:80] = True
    mask[23:77, 23:77] = False
    assert segmentation.fill_holes(mask, mask.shape)[50, 50]


def test_a_room_is_not_plain() -> None:
    assert not segmentation.find_ground(cluttered()).plain


def test_an_object_is_cut_out_of_clutter_always_alike() -> None:
    first, second = (segmentation.cut_out(cluttered(), None) for _ in range(2))
    assert overlap(first, truth()) > 0.9
    assert np.array_equal(first, second)
    assert not segmentation.absurd(first)


def test_a_box_says_where_to_look() -> None:
    picture = cluttered()
    picture[60:140, 10:50] = (30, 40, 180)
    left = segmentation.cut_out(picture, (0.02, 0.25, 0.26, 0.75))
    assert left[100, 30] and not left[100, 110]


def test_no_object_is_told_as_such() -> None:
    assert segmentation.absurd(np.zeros((20, 20), bool)) and segmentation.absurd(
        np.ones((20, 20), bool)
    )
    assert not segmentation.cut_out(np.zeros((3, 3, 3), np.uint8), None).any()


def test_a_wearer_is_told_from_the_garment() -> None:
    picture = np.full((240, 160, 3), 255, np.uint8)
    image = Image.fromarray(picture)
    pencil = ImageDraw.Draw(image)
    pencil.ellipse((62, 8, 98, 60), fill=(224, 172, 140))
    pencil.rectangle((72, 50, 88, 75), fill=(220, 168, 136))
    pencil.rectangle((45, 70, 115, 200), fill=(40, 60, 140))
    pencil.rectangle((30, 75, 44, 190), fill=(222, 170, 138))
    picture = np.asarray(image)
    whole = np.asarray((picture < 250).any(2))
    garment = segmentation.without_skin(picture, whole)
    assert garment is not None
    assert garment[150, 80] and not garment[30, 80] and not garment[150, 36]


@pytest.mark.parametrize("cloth", [(40, 60, 140), (222, 170, 138)])
def test_cloth_alone_has_no_wearer(cloth: tuple[int, int, int]) -> None:
    """Not even where it has the colour of skin all over, as a tan bag has."""
    picture = on_plain(cloth)
    assert segmentation.without_skin(picture, truth()) is None
