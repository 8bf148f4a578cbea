from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from alexnet_demo.images.prepare import prepare
from alexnet_demo.images.segmentation import fit_background, plain_mask
from alexnet_demo.images.wearer import locate_garment

SKIN, TROUSERS = (224, 172, 140), (40, 50, 90)
WHITE = (255, 255, 255)
TOP, WAIST = (190, 40, 60), 140


def wearer(
    cloth: tuple[int, int, int] = TOP, ground: tuple[int, int, int] = WHITE, head: bool = True
) -> Image.Image:
    """A person in a top and trousers, 120×240, the top from row 60 to `WAIST`."""
    image = Image.new("RGB", (120, 240), ground)
    pencil = ImageDraw.Draw(image)
    if head:
        pencil.ellipse((46, 10, 74, 52), fill=SKIN)
        pencil.rectangle((54, 44, 66, 62), fill=SKIN)
    pencil.rectangle((30, 60, 90, WAIST), fill=cloth)
    pencil.rectangle((20, 62, 28, 130), fill=SKIN)
    pencil.rectangle((36, WAIST, 84, 230), fill=TROUSERS)
    return image


def garment_of(image: Image.Image) -> np.ndarray | None:
    pixels = np.asarray(image)
    surface = fit_background(pixels)
    return locate_garment(pixels, surface, plain_mask(pixels, surface))


def test_a_top_is_kept_without_head_arms_and_trousers() -> None:
    mask = garment_of(wearer())
    assert mask is not None
    truth = np.zeros_like(mask)
    truth[60 : WAIST + 1, 30:91] = True
    assert (mask & truth).sum() / (mask | truth).sum() > 0.85


def test_a_dress_is_kept_to_its_hem() -> None:
    image = wearer()
    ImageDraw.Draw(image).rectangle((30, WAIST, 90, 230), fill=TOP)
    mask = garment_of(image)
    assert mask is not None
    assert mask[220, 60] and not mask[30, 60]


def test_a_top_as_pale_as_the_ground_is_found() -> None:
    pale = wearer(cloth=(251, 251, 251))
    pixels = np.asarray(pale)
    assert not plain_mask(pixels, fit_background(pixels))[100, 60]
    mask = garment_of(pale)
    assert mask is not None and mask[100, 60]


@pytest.mark.parametrize(
    "image", [wearer(head=False), wearer(ground=(205, 205, 205)), Image.new("RGB", (90, 90), WHITE)]
)
def test_garments_alone_and_other_grounds_stay_as_they_are(image: Image.Image) -> None:
    assert garment_of(image) is None


def test_the_garment_is_the_only_view_also_with_resolved_choices() -> None:
    prepared = prepare(wearer())
    (view,) = prepared.views
    columns = np.flatnonzero(view.any(0))
    assert np.ptp(columns) > 16  # a top; the whole person is slender
    again = prepare(wearer(), prepared.choices)
    assert again.choices == prepared.choices
    assert np.array_equal(again.views[0], view)
    left, top, right, bottom = prepared.choices.box or (0, 0, 0, 0)
    assert top > 0.2 and bottom < 0.65 and left < right
