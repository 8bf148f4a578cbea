from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images.decode import alpha_mask, flatten, open_image, scale_levels
from tests.support.hostile import encode


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    levels = np.asarray(open_image(encode(Image.fromarray(ramp), "PNG")).convert("L"))
    assert levels[0, 0] == 0 and levels[-1, -1] == 255
    assert abs(int(levels[32, 0]) - 128) <= 1


def test_float_images_with_nan_and_any_range() -> None:
    values = np.array([[np.nan, -5.0], [0.0, 5.0]], np.float32)
    assert scale_levels(values, "F").tolist() == [[128, 0], [128, 255]]
    assert scale_levels(np.full((2, 2), -3.0), "F").tolist() == [[0, 0], [0, 0]]


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° to the right
    assert open_image(encode(Image.new("RGB", (40, 20)), "JPEG", exif=exif)).size == (20, 40)


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (512, 20), (40, 30)])
def test_only_large_images_are_reduced(size: tuple[int, int]) -> None:
    opened = open_image(encode(Image.new("RGB", size, "white"), "JPEG"))
    assert max(opened.size) == min(512, max(size))


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = encode(Image.new("1", (8000, 7000)), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="50 million"):
        open_image(huge)


@pytest.mark.parametrize(("ink", "background"), [("black", 255), ("white", 0), ("gray", 255)])
def test_transparency_is_filled_so_that_the_ink_shows(ink: str, background: int) -> None:
    image = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((20, 20, 40, 40), fill=ink)
    assert flatten(image).getpixel((0, 0)) == (background,) * 3


def test_only_real_transparency_is_a_mask() -> None:
    image = Image.new("RGBA", (60, 60), (0, 0, 0, 255))
    assert alpha_mask(image) is None
    assert alpha_mask(image.convert("RGB")) is None
    image.paste((0, 0, 0, 0), (0, 0, 30, 60))
    mask = alpha_mask(image)
    assert mask is not None and not mask[:, :30].any() and mask[:, 30:].all()
