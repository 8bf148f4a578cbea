from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from alexnet_demo import data, preprocess
from alexnet_demo.preprocess import PictureError, open_picture, prepare, to_input


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bag(mode: str = "RGB", size: int = 200) -> Image.Image:
    """A solid dark block, twice as wide as high, on white."""
    image = Image.new("RGB", (size, size), "white")
    box = (size // 10, size * 3 // 10, size * 9 // 10, size * 7 // 10)
    ImageDraw.Draw(image).rectangle(box, fill=(40, 30, 60))
    return image.convert(mode)


def sketch(width: int = 7, ink: int = 0, ground: int = 255) -> Image.Image:
    image = Image.new("L", (256, 256), ground)
    outline = [(60, 40), (196, 40), (196, 216), (60, 216), (60, 40)]
    ImageDraw.Draw(image).line(outline, fill=ink, width=width, joint="curve")
    return image


def filled_rows(pixels: np.ndarray) -> tuple[int, int]:
    """Height and width of the box of what is not background."""
    rows, columns = np.nonzero(pixels > 32)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


# ------------------------------------------------------------------ opening


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *[("PNG", mode) for mode in ("RGB", "L", "P", "1", "RGBA", "LA", "I;16")],
        *[("JPEG", mode) for mode in ("RGB", "L", "CMYK")],
        *[("TIFF", mode) for mode in ("RGB", "CMYK", "F", "I", "I;16", "LAB")],
        *[("WEBP", "RGBA"), ("GIF", "P"), ("BMP", "RGB")],
    ],
)
def test_every_format_and_mode_gives_the_same_28_pixels(kind: str, mode: str) -> None:
    image = bag(mode) if mode not in ("I;16", "LAB") else bag("L")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if mode == "LAB":
        neutral = Image.new("L", image.size, 128)
        image = Image.merge("LAB", (image, neutral, neutral))
    prepared = prepare(encode(image, kind))
    assert prepared.kind == "photo" and prepared.polarity == "invert"
    assert filled_rows(prepared.pixels) == (14, 28)
    assert prepared.pixels[14, 14] > 200 and prepared.pixels[2, 14] == 0


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    levels = np.asarray(open_picture(encode(Image.fromarray(ramp), "PNG")).convert("L"))
    assert levels[0, 0] == 0 and levels[-1, -1] == 255
    assert abs(int(levels[32, 0]) - 128) <= 1


def test_float_pictures_with_nan_and_any_range() -> None:
    values = np.array([[np.nan, -5.0], [0.0, 5.0]], np.float32)
    assert preprocess.scale_levels(values, "F").tolist() == [[128, 0], [128, 255]]
    assert preprocess.scale_levels(np.full((2, 2), -3.0), "F").tolist() == [[0, 0], [0, 0]]


def test_exif_rotation_is_applied() -> None:
    image = Image.new("RGB", (40, 20), "white")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° to the right
    assert open_picture(encode(image, "JPEG", exif=exif)).size == (20, 40)


def test_the_first_frame_of_a_gif_counts() -> None:
    frames = [bag("L"), Image.new("L", (200, 200), 255)]
    moving = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(prepare(moving).pixels, prepare(encode(frames[0], "GIF")).pixels)


@pytest.mark.parametrize("ink", ["black", "white"])
def test_ink_on_transparency_is_seen_whatever_its_colour(ink: str) -> None:
    image = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((60, 40, 196, 216), outline=ink, width=7)
    prepared = prepare(encode(image, "PNG"))
    assert prepared.kind == "sketch"
    assert filled_rows(prepared.pixels)[0] == 28
    assert prepared.pixels[14, 14] == 0 and prepared.pixels.max() == 255


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"this is no picture at all", "not a picture"),
        (b"%PDF-1.4", "not a picture"),
        (encode(bag(), "PNG")[:200], "damaged or cut short"),
        (encode(bag(), "JPEG")[:700], "damaged or cut short"),
        (encode(bag(), "WEBP")[:60], "damaged or cut short|not a picture"),
        (encode(Image.new("RGB", (50, 50), "red"), "PNG"), "one plain colour"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(content: bytes, says: str) -> None:
    with pytest.raises(PictureError, match=says) as refused:
        prepare(content)
    assert str(refused.value).count("\n") == 0


def test_too_many_pixels_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = encode(Image.new("1", (8000, 7000)), "PNG")
    monkeypatch.setattr(
        "PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("the picture was decoded")
    )
    with pytest.raises(PictureError, match="too large"):
        open_picture(huge)


def test_random_damage_never_raises_anything_else() -> None:
    chance = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = encode(bag(size=64), kind)
        for _ in range(30):
            broken = bytearray(whole)
            for place in chance.integers(0, len(broken), 8):
                broken[place] = chance.integers(256)
            try:
                prepared = prepare(bytes(broken))
            except PictureError:
                continue
            assert prepared.pixels.shape == (28, 28)


# ------------------------------------------------------------------ polarity, kind, crop


def test_test_set_pictures_pass_through_unchanged_whichever_way_round() -> None:
    for image in data.load_split(train=False).head(200).images.numpy():
        as_it_is = prepare(Image.fromarray(image))
        negative = prepare(encode(Image.fromarray(255 - image), "PNG"))
        assert (as_it_is.kind, as_it_is.polarity) == ("dataset", "keep")
        assert (negative.kind, negative.polarity) == ("dataset", "invert")
        assert np.array_equal(as_it_is.pixels, image)
        assert np.array_equal(negative.pixels, image)


@pytest.mark.parametrize("width", [2, 7, 9])
@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (255, 0), (180, 250)])
def test_strokes_of_any_width_stay_visible(width: int, ink: int, ground: int) -> None:
    prepared = prepare(sketch(width, ink, ground))
    assert prepared.kind == "sketch"
    middle = prepared.pixels[14]
    assert (middle > 128).sum() >= 2, "both sides of the outline"
    assert middle[14] == 0, "and nothing between them"


def test_solid_objects_are_photos_and_aspect_is_kept() -> None:
    prepared = prepare(bag())
    assert prepared.kind == "photo"
    assert filled_rows(prepared.pixels) == (14, 28)


@pytest.mark.parametrize("offset", [(0, 0), (150, 40)])
def test_where_the_object_lies_does_not_matter(offset: tuple[int, int]) -> None:
    page = Image.new("RGB", (500, 400), "white")
    page.paste(bag(), offset)
    small, whole = (prepare(image).pixels.astype(int) for image in (page, bag()))
    assert np.abs(small - whole).mean() < 6


def test_polarity_on_middle_grey_follows_the_object() -> None:
    for level, polarity in ((30, "invert"), (230, "keep")):
        image = Image.new("L", (100, 100), 128)
        image.paste(level, (30, 30, 70, 70))
        assert prepare(image).polarity == polarity


def test_choices_override_what_is_detected() -> None:
    kept = prepare(bag(), kind="dataset", polarity="keep")
    assert (kept.kind, kept.polarity) == ("dataset", "keep")
    assert kept.pixels[0, 0] == 255
    with pytest.raises(ValueError, match="Unknown kind"):
        prepare(bag(), kind="painting")  # type: ignore[arg-type]


@pytest.mark.parametrize("image", [bag(), sketch()])
def test_the_wrong_polarity_is_shown_as_chosen(image: Image.Image) -> None:
    kept = prepare(image, polarity="keep")
    assert kept.pixels[0, 0] == 255 and kept.pixels.min() < 128


def test_noise_at_the_edge_does_not_widen_the_crop() -> None:
    clean = np.zeros((300, 300), np.uint8)
    clean[100:200, 100:200] = 255
    clean[5, 290] = 255
    assert preprocess.crop(clean, specks=True).shape == (100, 100)
    assert preprocess.crop(clean).shape == (195, 191)


def test_steps_tell_the_way_and_end_with_the_networks_input() -> None:
    prepared = prepare(bag())
    assert [step.name for step in prepared.steps][::6] == ["Original", "224 × 224"]
    assert all(step.explanation for step in prepared.steps)
    assert np.array_equal(np.asarray(prepared.steps[-2].image), prepared.pixels)
    shown = np.asarray(prepared.steps[-1].image)
    x = to_input(torch.from_numpy(prepared.pixels)[None])
    assert x.shape == (1, 1, 224, 224)
    assert np.abs(shown - 255 * x[0, 0].numpy()).max() <= 0.5001
