"""Every variant of PNG, BMP, GIF, JPEG, and others is decoded as it was written, or refused."""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images import file_types
from alexnet_demo.images.decode import open_image
from tests.support.hostile import chunk, encode
from tests.support.tiffs import pack

HEIGHT, WIDTH = 37, 53
Y, X = np.mgrid[:HEIGHT, :WIDTH]
RAMP = (3 * X + 2 * Y) % 256
SMOOTH = np.dstack([4 * X, 6 * Y, 2 * X + 2 * Y]).clip(0, 255).astype(np.uint8)
RNG = np.random.default_rng(0)
NO_AVIF = pytest.mark.skipif(not file_types.can_decode_avif(), reason="Pillow reads no AVIF")


def gray(values: np.ndarray) -> np.ndarray:
    return np.stack([values] * 3, -1)


def difference(data: bytes, expected: np.ndarray) -> np.ndarray:
    """Between the decoded and the expected RGB or RGBA pixels, where these are visible."""
    opened, expected = np.asarray(open_image(data)).astype(int), np.asarray(expected).astype(int)
    if opened.shape[2] == 4 and expected.shape[2] == 3:
        assert (opened[..., 3] == 255).all()
        opened = opened[..., :3]
    assert opened.shape[:2] == expected.shape[:2]
    if expected.shape[2] == 4:
        assert opened.shape[2] == 4 and np.abs(opened - expected)[..., 3].max() <= 1
        return np.abs(opened - expected)[expected[..., 3] > 0]
    return np.abs(opened - expected)


# ------------------------------------------------------------------ PNG

PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]


def png(samples: np.ndarray, bits: int, color: int, interlaced: bool, extra: bytes = b"") -> bytes:
    """A PNG file of samples (H, W, channels), without filters."""
    passes = [*PASSES, (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for left, top, across, down in passes:
        for row in samples[top::down, left::across]:
            raw += b"\0" + pack(row[None].astype(np.uint16 if bits > 8 else np.uint8), bits, ">")
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + parts


def png_variants(bits: int) -> Iterator[tuple[np.ndarray, int, bytes, np.ndarray]]:
    """Samples, color type, chunks, and what they mean."""
    top = 2**bits - 1
    one = np.rint(RAMP / 255 * top).astype(int)
    shown = np.rint(one / top * 255)
    key = int(one[5, 5])
    masked = np.where(one == key, 0, 255)
    yield one[..., None], 0, b"", gray(shown)
    marked = chunk(b"tRNS", struct.pack(">H", key))
    yield one[..., None], 0, marked, np.dstack([gray(shown), masked])
    if bits <= 8:
        palette = RNG.integers(0, 256, (2**bits, 3)).astype(np.uint8)
        alpha = RNG.integers(1, 256, 2**bits).astype(np.uint8)
        colors = chunk(b"PLTE", palette.tobytes())
        yield one[..., None], 3, colors, palette[one]
        for count in (1, 2**bits):  # entries without one are opaque
            given = np.concatenate([alpha[:count], np.full(2**bits - count, 255, np.uint8)])
            transparent = colors + chunk(b"tRNS", alpha[:count].tobytes())
            yield one[..., None], 3, transparent, np.dstack([palette[one], given[one]])
    if bits >= 8:
        three = np.dstack([one, top - one, one * 3 % (top + 1)])
        shown3 = np.rint(three / top * 255)
        yield three, 2, b"", shown3
        marked = chunk(b"tRNS", struct.pack(">HHH", *map(int, three[5, 5])))
        masked = np.where((three == three[5, 5]).all(-1), 0, 255)
        yield three, 2, marked, np.dstack([shown3, masked])
        part = top - one // 2
        alpha = np.rint(part / (257 if bits == 16 else 1))
        yield np.dstack([three, part]), 6, b"", np.dstack([shown3, alpha])
        yield np.dstack([one, part]), 4, b"", np.dstack([gray(shown), alpha])


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_png(bits: int, interlaced: bool) -> None:
    for samples, color, extra, expected in png_variants(bits):
        data = png(samples, bits, color, interlaced, extra)
        assert difference(data, expected).max() <= 1, (color, extra[4:8])


# ------------------------------------------------------------------ BMP


def bmp(
    pixels: np.ndarray,
    bits: int,
    header: int = 40,
    *,
    top_down: bool = False,
    masks: tuple[int, ...] = (),
    palette: np.ndarray | None = None,
    colors: int = 0,
    compression: int = 0,
    body: bytes | None = None,
) -> bytes:
    """A BMP file of pixels as it stores them: indices, packed numbers, or bytes (H, W, n)."""
    height, width = pixels.shape[:2]
    if body is None:
        rows = [
            pack(row.reshape(1, -1, 1).astype(np.uint16 if bits == 16 else np.uint8), unit, "<")
            for unit in [min(bits, 16) if bits <= 16 else 8]
            for row in (pixels if top_down else pixels[::-1])
        ]
        body = b"".join(row + b"\0" * (-len(row) % 4) for row in rows)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        size = (width, -height if top_down else height)
        code = 3 if masks else compression
        info = struct.pack("<IiiHHIIiiII", header, *size, 1, bits, code, len(body), 0, 0, colors, 0)
        fields = b"".join(struct.pack("<I", mask) for mask in masks)
        info += fields if header == 40 else fields.ljust(header - 40, b"\0")
    entries = b""
    for red, green, blue in palette if palette is not None else ():
        entries += bytes((int(blue), int(green), int(red))) + (b"" if header == 12 else b"\0")
    start = 14 + len(info) + len(entries)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + entries + body


HEADERS = [12, 40, 52, 56, 64, 108, 124]
BGR = SMOOTH[..., ::-1]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("top_down", [False, True])
def test_bmp_with_a_palette(header: int, top_down: bool) -> None:
    if header == 12 and top_down:
        return
    for bits, count in [(1, 2), (4, 2), (4, 9), (4, 16), (8, 2), (8, 100), (8, 256)]:
        if header == 12 and count != 2**bits:
            continue
        indices = np.rint(RAMP / 255 * (count - 1)).astype(int)
        ramp = gray(np.rint(np.linspace(0, 255, count)))
        for palette in (RNG.integers(0, 256, (count, 3)), ramp, 255 - ramp, gray(np.arange(count))):
            data = bmp(indices, bits, header, top_down=top_down, palette=palette, colors=count)
            assert difference(data, palette[indices]).max() == 0, (bits, count)


@pytest.mark.parametrize("header", HEADERS[1:])
@pytest.mark.parametrize("top_down", [False, True])
def test_bmp_with_colors(header: int, top_down: bool) -> None:
    noise = RNG.integers(0, 256, (HEIGHT, WIDTH, 1))
    alpha = (255 - RAMP // 2)[..., None]
    fives = SMOOTH.astype(int) >> 3
    packed = fives[..., 0] << 10 | fives[..., 1] << 5 | fives[..., 2]
    sixes = fives[..., 0] << 11 | SMOOTH[..., 1].astype(int) >> 2 << 5 | fives[..., 2]
    layouts: list[tuple[np.ndarray, int, tuple[int, ...], np.ndarray, int]] = [
        (BGR, 24, (), SMOOTH, 0),
        (np.dstack([BGR, noise]), 32, (), SMOOTH, 0),
        (packed, 16, (), SMOOTH, 8),
    ]
    if header != 64:  # of OS/2, without masks
        layouts += [
            (packed, 16, (0x7C00, 0x3E0, 0x1F), SMOOTH, 8),
            (sixes, 16, (0xF800, 0x7E0, 0x1F), SMOOTH, 8),
            (np.dstack([BGR, noise]), 32, (0xFF0000, 0xFF00, 0xFF), SMOOTH, 0),
            (np.dstack([noise, BGR]), 32, (0xFF000000, 0xFF0000, 0xFF00), SMOOTH, 0),
        ]
    if header >= 56:
        argb = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        layouts += [
            (np.dstack([BGR, alpha]), 32, argb, np.dstack([SMOOTH, alpha]), 0),
            (np.dstack([BGR, 0 * alpha]), 32, argb, SMOOTH, 0),  # no alpha was meant
        ]
    for pixels, bits, masks, expected, tolerance in layouts:
        data = bmp(pixels, bits, header, top_down=top_down, masks=masks)
        assert difference(data, expected).max() <= tolerance, (bits, masks)


@pytest.mark.parametrize("masks", [(0xF00, 0xF0, 0xF), (0x3FF00000, 0xFFC00, 0x3FF)])
def test_bmp_with_unusual_masks_is_refused(masks: tuple[int, ...]) -> None:
    bits = 16 if masks[0] == 0xF00 else 32
    with pytest.raises(ImageError, match="BMP file is damaged or of a kind"):
        open_image(bmp(RAMP if bits == 16 else np.dstack([BGR, RAMP]), bits, masks=masks))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("count", [2, 16])
def test_bmp_of_runs(bits: int, count: int) -> None:
    indices = RAMP * count // 256
    body = b""
    for row in indices[::-1].tolist():
        for value, run in itertools.groupby(row):
            length = len(list(run))
            body += bytes((length, value << 4 | value if bits == 4 else value))
        body += b"\0\0"
    code = {4: 2, 8: 1}[bits]
    for palette in (RNG.integers(0, 256, (count, 3)), gray(np.linspace(0, 255, count))):
        options: dict[str, Any] = {"compression": code, "body": body[:-2] + b"\0\1"}
        palette = palette.astype(int)
        data = bmp(indices, bits, palette=palette, colors=count, **options)
        assert difference(data, palette[indices]).max() == 0


# ------------------------------------------------------------------ others


@pytest.mark.parametrize("kind", ["BMP", "PNG", "TIFF", "WEBP"])
def test_alpha_that_is_zero_everywhere_hides_nothing(kind: str) -> None:
    """Also in an image that is reduced."""
    for pixels in (SMOOTH, np.kron(SMOOTH, np.ones((20, 20, 1), np.uint8))):
        image = Image.fromarray(np.dstack([pixels, 0 * pixels[..., 0]]))
        options: dict[str, Any] = {"lossless": True, "exact": True} if kind == "WEBP" else {}
        opened = open_image(encode(image, kind, **options))
        assert opened.mode == "RGB" and np.asarray(opened).std() > 20


def gif_frame(box: tuple[int, int, int, int], screen: tuple[int, int]) -> bytes:
    """A GIF whose first frame fills only a box (left, top, width, height) of its screen."""
    left, top, width, height = box
    data = encode(Image.fromarray(SMOOTH[:height, :width]).quantize(64), "GIF")
    place = data.index(b",", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    frame = struct.pack("<HHHH", left, top, width, height)
    return data[:6] + struct.pack("<HH", *screen) + data[10 : place + 1] + frame + data[place + 9 :]


def test_gif_whose_first_frame_is_smaller_than_its_screen() -> None:
    whole = np.asarray(open_image(gif_frame((0, 0, 40, 30), (40, 30))))
    part = np.asarray(open_image(gif_frame((13, 5, 40, 30), (90, 70))))
    assert part.shape == (30, 40, 3) and (part == whole).all()
    assert np.abs(whole.astype(int) - SMOOTH[:30, :40]).mean() < 12


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("transparency", [None, 3])
def test_gif(interlace: int, transparency: int | None) -> None:
    image = Image.fromarray((RAMP // 16).astype(np.uint8), "P")
    palette = RNG.integers(0, 256, (16, 3))
    image.putpalette(palette.astype(np.uint8).tobytes())
    options = {} if transparency is None else {"transparency": transparency}
    expected = palette[RAMP // 16]
    if transparency is not None:
        expected = np.dstack([expected, 255 * (transparency != RAMP // 16)])
    assert difference(encode(image, "GIF", interlace=interlace, **options), expected).max() == 0


JPEG: dict[str, Any] = {"level": 95}


@pytest.mark.parametrize("subsampling", ["444", "422", "420", "411", "440"])
def test_jpeg_subsampling(subsampling: str) -> None:
    spaces = {"colorspace": "rgb", "outcolorspace": "ycbcr", "subsampling": subsampling}
    assert difference(imagecodecs.jpeg8_encode(SMOOTH, **JPEG, **spaces), SMOOTH).mean() < 3


def test_jpeg_color_spaces() -> None:
    rgb = imagecodecs.jpeg8_encode(SMOOTH, **JPEG, colorspace="rgb", outcolorspace="rgb")
    assert difference(rgb, SMOOTH).mean() < 3
    one = np.ascontiguousarray(SMOOTH[..., 0])
    assert difference(imagecodecs.jpeg8_encode(one, **JPEG), gray(one)).mean() < 3
    inks = np.dstack([SMOOTH, SMOOTH[..., :1] // 3])
    paper = 255 - inks.astype(int)
    printed = paper[..., :3] * paper[..., 3:] // 255
    for space in ("cmyk", "ycck"):  # with Adobe's marker, they are inverted
        spaces = {"colorspace": "cmyk", "outcolorspace": space}
        assert (
            difference(imagecodecs.jpeg8_encode(255 - inks, **JPEG, **spaces), printed).mean() < 3
        )
    assert difference(encode(Image.fromarray(inks, "CMYK"), "JPEG", quality=95), printed).mean() < 3


def test_lossless_jpeg_and_more_than_eight_bits() -> None:
    one = np.ascontiguousarray(SMOOTH[..., 0])
    try:
        assert difference(imagecodecs.ljpeg_encode(one), gray(one)).max() <= 1
    except ImageError as error:  # an older Pillow
        assert "of a kind" in str(error) or "damaged" in str(error)
    with pytest.raises(ImageError, match="8 bits"):
        open_image(imagecodecs.jpeg8_encode(16 * SMOOTH.astype(np.uint16), bitspersample=12))


def orientations() -> Iterator[tuple[Image.Exif, np.ndarray]]:
    for orientation in range(1, 9):
        exif, turned = Image.Exif(), Image.fromarray(SMOOTH)
        exif[274] = turned.getexif()[274] = orientation
        yield exif, np.asarray(ImageOps.exif_transpose(turned))


@NO_AVIF
def test_avif() -> None:
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        data = encode(Image.fromarray(SMOOTH), "AVIF", quality=95, subsampling=subsampling)
        assert difference(data, SMOOTH).mean() < 4
    for bits in (10, 12):
        deep = SMOOTH.astype(np.uint16) << (bits - 8)
        data = imagecodecs.avif_encode(deep, bitspersample=bits, level=95)
        assert difference(data, SMOOTH).mean() < 4
    for exif, expected in orientations():
        data = encode(Image.fromarray(SMOOTH), "AVIF", quality=95, exif=exif)
        assert difference(data, expected).mean() < 4


def test_heic() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    for exif, expected in orientations():
        data = encode(Image.fromarray(SMOOTH), "HEIF", quality=95, exif=exif.tobytes())
        assert file_types.is_heic(data)
        assert difference(data, expected).mean() < 4
