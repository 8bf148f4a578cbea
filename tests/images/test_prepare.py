from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageOps

from alexnet_demo.common.errors import ImageError
from alexnet_demo.data import splits
from alexnet_demo.images.boxes import Box, bounding_box, crop
from alexnet_demo.images.prepare import input_pixels, prepare
from alexnet_demo.images.prepared import Choices
from alexnet_demo.images.redraw import SKETCH_SIDE
from alexnet_demo.images.strokes import parse, render
from alexnet_demo.network.input import to_input
from tests.support.hostile import encode


def bag(mode: str = "RGB", size: int = 200) -> Image.Image:
    """A solid dark block, twice as wide as high, on white."""
    image = Image.new("RGB", (size, size), "white")
    box = (size // 10, size * 3 // 10, size * 9 // 10, size * 7 // 10)
    ImageDraw.Draw(image).rectangle(box, fill=(40, 30, 60))
    return image.convert(mode)


def sketch(width: int = 7, ink: int = 0, paper: int = 255) -> Image.Image:
    """The outline of a box that is higher than wide."""
    image = Image.new("L", (256, 256), paper)
    outline = [(60, 40), (196, 40), (196, 216), (60, 216), (60, 40)]
    ImageDraw.Draw(image).line(outline, fill=ink, width=width, joint="curve")
    return image


def snapshot(size: tuple[int, int] = (400, 300)) -> Image.Image:
    """A dark cloth with a pale band, left of the center, on boards of many browns."""
    rng = np.random.default_rng(1)
    width, height = size
    boards = np.repeat(rng.uniform(0.8, 1.6, 20), -(-width // 20))[:width]
    floor = np.array([120, 90, 60]) * boards[None, :, None] + rng.normal(0, 5, (height, width, 3))
    image = Image.fromarray(floor.clip(0, 255).astype(np.uint8))
    pencil = ImageDraw.Draw(image)
    pencil.rectangle((0.2 * width, 0.2 * height, 0.6 * width, 0.85 * height), fill=(30, 40, 110))
    pencil.rectangle((0.2 * width, 0.4 * height, 0.6 * width, 0.5 * height), fill=(70, 80, 160))
    return image


def extent(pixels: np.ndarray) -> tuple[int, int]:
    """Height and width of the foreground's bounding box."""
    height, width = crop(pixels, bounding_box(pixels > 32)).shape
    return height, width


DRAWINGS = Path(__file__).parents[1] / "browser" / "quickdraw_strokes.json"
KINDS = (bag(), sketch(), snapshot(), Image.new("L", (28, 28), 7))


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
    assert prepared.kind == "photo" and prepared.choices.polarity == "invert"
    assert extent(prepared.views[0]) == pytest.approx((14, 28), abs=1)
    assert prepared.views[0][14, 14] > 150 and prepared.views[0][2, 14] == 0


@pytest.mark.parametrize("ink", ["black", "white"])
def test_ink_on_transparency_is_found_whatever_its_color(ink: str) -> None:
    image = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((60, 40, 196, 216), outline=ink, width=7)
    prepared = prepare(encode(image, "PNG"))
    assert prepared.kind == "sketch"
    assert extent(prepared.views[0])[0] >= 0.9 * SKETCH_SIDE
    assert prepared.views[0].max() == 255 and prepared.views[0][2, 2] == 0


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "empty"),
        (b"\x12\x99 no image at all", "not a readable image"),
        (b"%PDF-1.4", "PDF"),
        (encode(bag(), "PNG")[:200], "damaged"),
        (encode(bag(), "JPEG")[:700], "damaged"),
        (encode(bag(), "WEBP")[:60], "damaged"),
        (encode(Image.new("RGB", (50, 50), "red"), "PNG"), "one plain color"),
    ],
)
def test_unusable_files_are_refused_in_one_line(content: bytes, fact: str) -> None:
    with pytest.raises(ImageError, match=fact) as refused:
        prepare(content)
    assert str(refused.value).count("\n") == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (3, 2), (28, 5), (400, 2)])
@pytest.mark.parametrize("kind", ["auto", "sketch", "photo", "dataset"])
def test_tiny_and_narrow_images_are_prepared_or_refused(size: tuple[int, int], kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for background in ("auto", "plain", "cluttered", "keep", "alpha"):
        try:
            views = prepare(Image.fromarray(noise), Choices(kind, background=background)).views  # type: ignore[arg-type]
        except ImageError:
            continue
        assert all(view.dtype == np.uint8 and view.shape[0] == view.shape[1] for view in views)


def test_test_images_pass_through_unchanged_in_either_polarity() -> None:
    for image in splits.load_split(train=False).head(200).images.numpy():
        as_it_is = prepare(Image.fromarray(image))
        negative = prepare(encode(Image.fromarray(255 - image), "PNG"))
        assert (as_it_is.kind, as_it_is.choices.polarity) == ("dataset", "keep")
        assert (negative.kind, negative.choices.polarity) == ("dataset", "invert")
        assert np.array_equal(as_it_is.views[0], image) and len(as_it_is.views) == 1
        assert np.array_equal(negative.views[0], image)


def test_a_color_image_of_that_size_is_not_of_the_data_set() -> None:
    assert prepare(bag(size=28)).kind != "dataset"


@pytest.mark.parametrize("width", [2, 7, 15])
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (200, 250)])
def test_drawings_come_out_alike_whatever_the_pen(width: int, ink: int, paper: int) -> None:
    usual, other = prepare(sketch()), prepare(sketch(width, ink, paper))
    assert usual.kind == other.kind == "sketch"
    assert other.choices.polarity == ("invert" if ink < paper else "keep")
    difference = np.abs(usual.views[0].astype(int) - other.views[0])
    assert (difference > 64).mean() < 0.2, "but for a pixel's shift"


@pytest.mark.parametrize("offset", [(0, 0), (420, 180)])
def test_the_position_on_the_page_does_not_matter(offset: tuple[int, int]) -> None:
    page = Image.new("L", (700, 450), 255)
    page.paste(sketch(), offset)
    placed, whole = (prepare(image).views[0].astype(int) for image in (page, sketch()))
    assert np.abs(placed - whole).mean() < 12


def test_a_solid_glyph_becomes_a_light_silhouette() -> None:
    image = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    ImageDraw.Draw(image).polygon([(60, 20), (140, 20), (180, 180), (20, 180)], fill="black")
    prepared = prepare(image)
    assert prepared.choices.background == "alpha"
    assert prepared.views[0][14, 14] > 150 and prepared.views[0][0, 0] == 0


def test_a_box_selects_one_of_two_drawings() -> None:
    page = Image.new("L", (512, 256), 255)
    page.paste(sketch(), (0, 0))
    ImageDraw.Draw(page).ellipse((300, 100, 500, 160), outline=0, width=7)
    right = prepare(page, Choices(box=(0.5, 0, 1, 1)))
    height, width = extent(right.views[0])
    assert width >= 0.9 * SKETCH_SIDE and height < 0.5 * SKETCH_SIDE
    assert right.choices.box is not None and right.choices.box[0] > 0.5


def test_a_wrong_polarity_gives_a_drawing_or_an_error() -> None:
    try:
        assert prepare(sketch(), Choices(polarity="keep")).choices.polarity == "keep"
    except ImageError as error:
        assert "no drawing" in str(error)


def test_the_object_fills_the_view_and_keeps_its_aspect_ratio() -> None:
    prepared = prepare(bag())
    assert prepared.choices.background == "plain" and len(prepared.views) == 1
    assert extent(prepared.views[0]) == (14, 28)


def test_dark_cloth_becomes_brighter_than_pale_cloth_and_both_stand_out() -> None:
    levels = []
    for cloth in ((30, 30, 35), (225, 225, 220)):
        image = Image.new("RGB", (200, 200), "white")
        ImageDraw.Draw(image).rectangle((40, 30, 160, 170), fill=cloth)
        levels.append(int(prepare(image).views[0][14, 14]))
    dark, pale = levels
    assert dark > pale + 50 and pale > 60


def test_a_cluttered_photo_has_two_views() -> None:
    prepared = prepare(snapshot())
    assert prepared.choices.background == "cluttered" and len(prepared.views) == 2
    cut, around = prepared.views
    assert (cut == 0).mean() > 0.15 and (around == 0).mean() < 0.05
    assert prepared.choices.box == pytest.approx((0.2, 0.2, 0.6, 0.85), abs=0.03)


@pytest.mark.parametrize("level", [30, 230])
def test_polarity_on_middle_gray_follows_the_object(level: int) -> None:
    image = Image.new("L", (100, 100), 128)
    image.paste(level, (30, 30, 70, 70))
    assert prepare(image).choices.polarity == ("invert" if level < 128 else "keep")


def test_transparency_separates_the_object() -> None:
    image = snapshot().convert("RGBA")
    alpha = Image.new("L", image.size, 0)
    ImageDraw.Draw(alpha).ellipse((100, 80, 220, 240), fill=255)
    image.putalpha(alpha)
    prepared = prepare(image, Choices(kind="photo"))
    assert prepared.choices.background == "alpha"
    assert prepared.choices.box == pytest.approx((0.25, 0.267, 0.552, 0.803), abs=0.01)


def test_a_person_gives_a_second_view_without_them() -> None:
    image = Image.new("RGB", (240, 320), (215, 215, 215))  # on white see `test_wearer`
    pencil = ImageDraw.Draw(image)
    pencil.ellipse((92, 10, 148, 90), fill=(224, 172, 140))
    pencil.rectangle((60, 90, 180, 300), fill=(40, 60, 140))
    whole, garment = prepare(image).views
    assert extent(garment)[1] > extent(whole)[1]


def test_every_choice_is_resolved() -> None:
    for image in KINDS:
        choices = prepare(image).choices
        assert "auto" not in (choices.kind, choices.polarity, choices.background)
        assert choices.box is not None


@pytest.mark.parametrize("image", [bag(), sketch()])
def test_resolved_choices_give_the_same_result(image: Image.Image) -> None:
    first = prepare(image)
    again = prepare(image, first.choices)
    assert again.choices == first.choices
    for one, other in zip(first.views, again.views, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "chosen",
    [
        Choices(kind="sketch"),
        Choices(kind="photo"),
        Choices(kind="dataset"),
        Choices(kind="photo", polarity="keep"),
        Choices(kind="photo", background="plain"),
        Choices(kind="photo", background="cluttered"),
        Choices(kind="photo", background="keep"),
        Choices(kind="photo", box=(0.1, 0.1, 0.9, 0.9)),
    ],
)
@pytest.mark.parametrize("image", KINDS[:3])
def test_choices_are_followed(image: Image.Image, chosen: Choices) -> None:
    try:
        used = prepare(image, chosen).choices
    except ImageError as error:  # a photo has no ink
        assert chosen.kind == "sketch" and "no drawing" in str(error)
        return
    for name in ("kind", "polarity", "background"):
        value = getattr(chosen, name)
        if value != "auto" and not (name == "background" and used.kind != "photo"):
            assert getattr(used, name) == value
    if chosen.box is not None:
        assert used.box is not None
        assert used.box[0] >= 0.09 and used.box[2] <= 0.91


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "painting"},
        {"polarity": "up"},
        {"background": "sky"},
        {"box": (0.5, 0, 0.4, 1)},
        {"box": (0, 0, 1, 1.2)},
        {"box": (0, float("nan"), 1, 1)},
    ],
)
def test_invalid_choices_are_refused(wrong: dict[str, str | Box]) -> None:
    with pytest.raises(ValueError, match=r"Unknown|box"):
        replace(Choices(), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("image", KINDS)
def test_steps_lead_from_the_original_to_the_input(image: Image.Image) -> None:
    prepared = prepare(image)
    names = [step.name for step in prepared.steps]
    end = names.index("224 × 224")
    assert names[0] == "Original" and names[end + 1 :] == ["Second view"] * (
        len(prepared.views) - 1
    )
    assert len(set(names)) == len(names)
    assert all(step.explanation.endswith(".") for step in prepared.steps)
    # Each step continues from the one before; what the last ones result in are the views.
    for before, step in pairwise(prepared.steps[: end + 1]):
        assert step.before is before.image
    for step, view in zip(
        (prepared.steps[end - 1], *prepared.steps[end + 1 :]), prepared.views, strict=True
    ):
        assert np.array_equal(np.asarray(step.image), view)
    for step in prepared.steps:
        assert step.before.mode in ("RGB", "L") and step.image.mode in ("RGB", "L")


def test_the_original_is_described_by_where_it_comes_from() -> None:
    drawn, file = prepare(sketch()).steps[0], prepare(encode(sketch(), "PNG")).steps[0]
    assert "file" in file.explanation and "file" not in drawn.explanation


def test_light_ink_on_dark_gives_the_same_views_and_says_that_it_was_kept() -> None:
    """In the dark theme, people draw light on dark."""
    for drawing in json.loads(DRAWINGS.read_text(encoding="utf-8"))["drawings"]:
        pen = {"tool": "pen", "width": 8}
        image = render(parse([{**pen, "points": points} for points in drawing["strokes"]]))
        dark, light = (prepare(i, Choices("sketch")) for i in (ImageOps.invert(image), image))
        assert (dark.choices.polarity, light.choices.polarity) == ("keep", "invert")
        for one, other in zip(dark.views, light.views, strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("side", [28, 56, 112])
def test_the_last_step_equals_the_networks_input(side: int) -> None:
    view = np.random.default_rng(0).integers(0, 256, (side, side), np.uint8)
    x = to_input(torch.from_numpy(view)[None])
    assert x.shape == (1, 1, 224, 224)
    assert np.abs(input_pixels(view) - 255 * x[0, 0].numpy()).max() <= 0.5001


@pytest.mark.parametrize(
    ("content", "limit"),
    [
        (encode(sketch(), "PNG"), 0.15),
        (encode(snapshot((4000, 3000)), "JPEG", quality=85), 0.25),
    ],
)
def test_preparation_is_fast(content: bytes, limit: float) -> None:
    """In processor time of one core, doubled for slow machines."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        seconds = []
        for _ in range(3):
            begin = time.process_time()
            prepare(content)
            seconds.append(time.process_time() - begin)
    finally:
        cv2.setNumThreads(threads)
    assert min(seconds) < 2 * limit
