from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from alexnet_demo.images.segmentation import (
    cluttered_mask,
    fill_holes,
    fit_background,
    is_plausible,
    plain_mask,
    remove_skin,
)

BOX = (70, 40, 150, 170)  # of the object in the images below
TRUTH = np.zeros((200, 220), bool)
TRUTH[BOX[1] : BOX[3] + 1, BOX[0] : BOX[2] + 1] = True


def on_plain(cloth: tuple[int, int, int], tilt: float = 0) -> np.ndarray:
    """A piece of cloth on a plain background that darkens by ``tilt`` levels from left to right."""
    image = np.full((200, 220, 3), 250, np.float32)
    image -= np.linspace(0, tilt, 220, dtype=np.float32)[None, :, None]
    image[TRUTH] = cloth
    grain = np.random.default_rng(0).normal(0, 1, image.shape)
    return np.rint(image + grain).clip(0, 255).astype(np.uint8)


def cluttered() -> np.ndarray:
    """A red piece of cloth on boards of many browns."""
    rng = np.random.default_rng(0)
    image = np.zeros((200, 220, 3), np.float32)
    for left in range(0, 220, 20):
        image[:, left : left + 20] = np.array([110, 80, 50]) * rng.uniform(0.6, 1.5)
    image[TRUTH] = (190, 30, 40)
    return (image + rng.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8)


def iou(mask: np.ndarray, truth: np.ndarray = TRUTH) -> float:
    return float((mask & truth).sum() / (mask | truth).sum())


@pytest.mark.parametrize("cloth", [(40, 40, 90), (200, 60, 60), (236, 236, 236)])
@pytest.mark.parametrize("tilt", [0, 60])
def test_a_plain_background_is_removed_with_its_gradient(
    cloth: tuple[int, int, int], tilt: float
) -> None:
    image = on_plain(cloth, tilt)
    background = fit_background(image)
    assert background.plain
    # Pale cloth meets the tilted background's own level somewhere.
    least = 0.5 if min(cloth) > 200 and tilt > 0 else 0.93
    assert iou(plain_mask(image, background)) > least


def test_an_object_may_reach_the_border() -> None:
    image = on_plain((60, 60, 60))
    image[40:, 60:160] = (50, 60, 70)
    background = fit_background(image)
    assert background.plain and plain_mask(image, background)[195, 100]


def test_a_soft_shadow_is_background() -> None:
    image = Image.fromarray(on_plain((250, 250, 250)))
    shadow = Image.new("L", image.size, 0)
    ImageDraw.Draw(shadow).rectangle((BOX[0] + 10, BOX[1] + 14, BOX[2] + 14, BOX[3] + 14), fill=70)
    image.paste((0, 0, 0), mask=shadow.filter(ImageFilter.GaussianBlur(9)))
    pixels = np.asarray(image).copy()
    pixels[TRUTH] = (120, 30, 30)
    assert iou(plain_mask(pixels, fit_background(pixels))) > 0.9


def test_the_hole_under_a_handle_stays_and_prints_are_filled() -> None:
    image = on_plain((30, 30, 30))
    image[60:110, 90:130] = 250  # a wide hole
    image[130:136, 100:106] = 250  # a white print
    mask = plain_mask(image, fit_background(image))
    assert not mask[85, 110] and mask[133, 103]


def test_an_object_visible_by_its_outline_alone_is_filled() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 20:80] = True
    mask[23:77, 23:77] = False
    assert fill_holes(mask)[50, 50]


def test_a_cluttered_scene_is_not_plain() -> None:
    assert not fit_background(cluttered()).plain


def test_segmenting_a_cluttered_scene_is_deterministic() -> None:
    first, second = (cluttered_mask(cluttered(), None) for _ in range(2))
    assert iou(first) > 0.9
    assert np.array_equal(first, second)
    assert is_plausible(first)


def test_only_the_box_is_searched() -> None:
    image = cluttered()
    image[60:140, 10:50] = (30, 40, 180)
    left = cluttered_mask(image, (0.02, 0.25, 0.26, 0.75))
    assert left[100, 30] and not left[100, 110]


def test_no_object_gives_no_plausible_mask() -> None:
    assert not is_plausible(np.zeros((20, 20), bool))
    assert not is_plausible(np.ones((20, 20), bool))
    assert not cluttered_mask(np.zeros((3, 3, 3), np.uint8), None).any()


def test_a_garment_is_separated_from_the_person() -> None:
    image = Image.new("RGB", (160, 240), "white")
    pencil = ImageDraw.Draw(image)
    pencil.ellipse((62, 8, 98, 60), fill=(224, 172, 140))
    pencil.rectangle((72, 50, 88, 75), fill=(220, 168, 136))
    pencil.rectangle((45, 70, 115, 200), fill=(40, 60, 140))
    pencil.rectangle((30, 75, 44, 190), fill=(222, 170, 138))
    pixels = np.asarray(image)
    garment = remove_skin(pixels, np.asarray((pixels < 250).any(2)))
    assert garment is not None
    assert garment[150, 80] and not garment[30, 80] and not garment[150, 36]


@pytest.mark.parametrize("cloth", [(40, 60, 140), (222, 170, 138)])
def test_cloth_alone_shows_no_person(cloth: tuple[int, int, int]) -> None:
    """Not even cloth that is skin-colored all over, like a tan bag."""
    assert remove_skin(on_plain(cloth), TRUTH) is None
