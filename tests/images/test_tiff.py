"""Every variant of TIFF is decoded as it was written, or refused.

The files are written by `tests.support.tiffs` and read with tifffile as well, which shares no code
with Pillow.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images.decode import open_image
from alexnet_demo.images.decode_limits import UnusualFileError
from alexnet_demo.images.tiff import MAX_STRIPS, select_page
from tests.support.hostile import encode
from tests.support.tiffs import SUB_IFDS, image, tiff

HEIGHT, WIDTH = 37, 53
Y, X = np.mgrid[:HEIGHT, :WIDTH]
RAMPS = np.stack(
    [(3 * X + 2 * Y) % 256, 255 - (3 * X + 2 * Y) % 256, (9 * X + 6 * Y) % 256, 255 - X], -1
)
ENCODERS: dict[int, Callable[[bytes], bytes]] = {
    1: bytes,
    5: imagecodecs.lzw_encode,
    8: zlib.compress,
    32773: imagecodecs.packbits_encode,
    34925: imagecodecs.lzma_encode,
    50000: imagecodecs.zstd_encode,
}
LAYOUTS: list[dict[str, Any]] = [{}, {"rows": 10}, {"tile": (16, 32)}]


def quantized(channels: int, bits: int) -> np.ndarray:
    """Ramps of so many bits, (H, W, channels)."""
    kind = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    return np.rint(RAMPS[..., :channels] / 255 * (2**bits - 1)).astype(kind)


def levels(samples: np.ndarray, bits: int) -> np.ndarray:
    return np.rint(samples / (2**bits - 1) * 255).astype(int)


def gray(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., :1], 3, 2)


Variant = tuple[np.ndarray, dict[str, Any], np.ndarray]
"""Samples, what `image` is told about them, and the RGB or RGBA pixels that they mean."""


def color_models(bits: int) -> Iterator[tuple[str, Variant]]:
    """Every meaning that samples of so many bits can have."""
    one, two, three, four = (quantized(n, bits) for n in (1, 2, 3, 4))
    two[..., 1] = four[..., 3]
    shown, alpha = levels(four, bits), levels(four[..., 3:], bits)
    yield "gray", (one, {"photometric": 1}, gray(shown))
    yield "negative", (one, {"photometric": 0}, 255 - gray(shown))
    yield "RGB", (three, {"photometric": 2}, shown[..., :3])
    yield "RGBA", (four, {"photometric": 2, "t338": 2}, shown)
    yield "RGB and more", (four, {"photometric": 2, "t338": 0}, shown[..., :3])
    yield "gray and alpha", (two, {"photometric": 1, "t338": 2}, np.dstack([gray(shown), alpha]))
    yield "gray and more", (two, {"photometric": 1, "t338": 0}, gray(shown))
    multiplied = four.copy()
    multiplied[..., :3] = np.rint(four[..., :3] * (four[..., 3:] / (2**bits - 1)))
    yield "premultiplied", (multiplied, {"photometric": 2, "t338": 1}, shown)
    six = np.concatenate([four, one, one], 2)
    extra = {"photometric": 2, "t338": [2, 0, 0]}
    yield "RGBA and more", (six, extra, shown)
    ink = 255 - shown
    yield "CMYK", (four, {"photometric": 5}, np.rint(ink[..., :3] * ink[..., 3:] / 255).astype(int))
    yield "other inks", (four, {"photometric": 5, "t332": 2}, np.zeros_like(shown[..., :3]))
    if bits <= 8:
        palette = np.random.default_rng(0).integers(0, 256, (2**bits, 3))
        for scale in (257, 1):  # as specified, and as some programs write it
            entries = {"photometric": 3, "t320": (palette.T * scale).ravel().tolist()}
            yield f"palette times {scale}", (one, entries, palette[one[..., 0]])
    if bits == 8:
        ycc = np.asarray(Image.fromarray(three).convert("YCbCr"))
        yield "YCbCr", (ycc, {"photometric": 6, "t530": [1, 1]}, shown[..., :3])


MUST_DECODE = {
    *itertools.product(("gray", "negative"), (1, 2, 4, 8)),
    *itertools.product(("palette times 257", "palette times 1"), (1, 2, 4, 8)),
    *itertools.product(("RGB", "RGBA", "RGB and more", "premultiplied", "CMYK"), (8, 16)),
    *(("gray", 16), ("gray and more", 8), ("YCbCr", 8)),
}


def variants(step: int) -> Iterator[tuple[str, int, bytes, Variant]]:
    """Every ``step``-th file of all combinations."""
    place = itertools.count()
    combinations = itertools.product(ENCODERS.items(), "<>", LAYOUTS, (1, 2), (False, True))
    for (code, encoder), order, layout, predictor, planar in combinations:
        for bits in (1, 2, 4, 8, 12, 16, 32):
            if predictor == 2 and (code not in (5, 8) or bits not in (8, 16)):
                continue
            for name, variant in color_models(bits):
                samples, entries, _ = variant
                if (planar and samples.shape[2] == 1) or next(place) % step:
                    continue
                options = {**layout, **entries, "t259": code, "predictor": predictor}
                page = image(
                    samples, bits=bits, planar=planar, order=order, encode=encoder, **options
                )
                yield name, bits, tiff([page], order), variant


def difference(data: bytes, expected: np.ndarray) -> float:
    opened = np.asarray(open_image(data)).astype(int)
    if opened.shape[2] > expected.shape[2] and (opened[..., 3] == 255).all():
        opened = opened[..., :3]
    assert opened.shape == expected.shape
    return float(np.abs(opened - expected).max())


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow), 61])
def test_every_variant_is_decoded_as_written_or_refused(step: int) -> None:
    decoded = set()
    for name, bits, data, (samples, _, expected) in variants(step):
        if bits in (8, 16) and step > 1:  # the writer itself is right
            read = tifffile.imread(io.BytesIO(data))
            assert (read.reshape(-1) == samples.reshape(-1)).all() or (
                read.reshape(-1) == samples.transpose(2, 0, 1).reshape(-1)
            ).all()
        try:
            assert difference(data, expected) <= 4, (name, bits)
        except ImageError as error:
            assert "supported" in str(error), (name, bits)
        else:
            decoded.add((name, bits))
    assert decoded >= MUST_DECODE or step > 1


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", ENCODERS)
def test_separate_planes_are_put_together(bits: int, order: str, code: int) -> None:
    """In strips and tiles, with and without alpha."""
    for layout, count in itertools.product(LAYOUTS, (3, 4)):
        samples = quantized(count, bits)
        entries = {"t338": 2} if count == 4 else {}
        options = {"planar": True, "order": order, "t259": code, **entries, **layout}
        page = image(samples, bits=bits, photometric=2, encode=ENCODERS[code], **options)
        assert difference(tiff([page], order), levels(samples, bits)) <= 1


@pytest.mark.parametrize("predictor", [1, 3])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
def test_one_channel_of_floats(
    predictor: int, order: str, photometric: str, compression: str | None
) -> None:
    if predictor == 3 and compression is None:
        return
    buffer = io.BytesIO()
    values = (RAMPS[..., 0] / 255).astype(np.float32)
    options: dict[str, Any] = {
        "byteorder": order,
        "compression": compression,
        "photometric": photometric,
    }
    tifffile.imwrite(buffer, values, predictor=predictor if predictor > 1 else None, **options)
    expected = gray(RAMPS) if photometric == "minisblack" else 255 - gray(RAMPS)
    assert difference(buffer.getvalue(), expected) <= 1


@pytest.mark.parametrize("order", ["<", ">"])
def test_one_channel_of_signed_integers(order: str) -> None:
    values = 77 * RAMPS[..., 0].astype(np.int32)  # no palindrome of bytes
    for compression in (None, "zlib"):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, values, byteorder=order, compression=compression)
        assert difference(buffer.getvalue(), gray(np.rint(values / 257)[..., None])) <= 1


@pytest.mark.parametrize(
    ("dtype", "shape", "reason"),
    [
        (np.float32, (20, 30, 3), "floating-point"),
        (np.float16, (20, 30), "floating-point"),
        (np.float64, (20, 30), "floating-point"),
        (np.int8, (20, 30), "signed"),
        (np.int16, (20, 30), "signed"),
        (np.uint32, (20, 30), "32 bits"),
        (np.uint32, (20, 30, 3), "32 bits"),
        (np.complex64, (20, 30), "complex"),
    ],
)
def test_numbers_without_a_defined_range_are_refused(
    dtype: type, shape: tuple[int, ...], reason: str
) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.ones(shape, dtype), photometric="rgb" if len(shape) > 2 else None)
    with pytest.raises(ImageError, match=reason) as error:
        open_image(buffer.getvalue())
    assert "save the image as PNG" in str(error.value)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "jpeg2000", "jpegxl", "png"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_other_compressions(kind: str, planar: str) -> None:
    smooth = np.dstack([3 * X, 4 * Y, 2 * X + Y]).astype(np.uint8)
    buffer = io.BytesIO()
    pixels = smooth if planar == "contig" else np.ascontiguousarray(smooth.transpose(2, 0, 1))
    try:
        tifffile.imwrite(
            buffer, pixels, photometric="rgb", planarconfig=planar, compression=kind, tile=(32, 32)
        )
    except ValueError:
        return  # not defined for one channel
    if kind == "jpeg":
        opened = np.asarray(open_image(buffer.getvalue())).astype(int)
        assert np.abs(opened - smooth).mean() < 4
    else:
        with pytest.raises(ImageError, match="compression"):
            open_image(buffer.getvalue())


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax(compression: str) -> None:
    for photometric in (0, 1):
        pixels = Image.fromarray(RAMPS[..., 0] > 128)
        data = encode(pixels, "TIFF", compression=compression, tiffinfo={262: photometric})
        assert difference(data, gray(255 * np.asarray(pixels)[..., None])) == 0


def test_bits_in_reverse_order() -> None:
    for bits, photometric in itertools.product((1, 2, 4, 8), (0, 1)):
        samples = quantized(1, bits)
        page = image(samples, bits=bits, photometric=photometric, reverse_bits=True)
        shown = gray(levels(samples, bits))
        assert difference(tiff([page]), shown if photometric else 255 - shown) <= 1


def test_subsampled_ycbcr_without_compression() -> None:
    """Blocks of 2 × 2 luma samples that share their chroma."""
    luma = np.array([[50, 80], [110, 140]], np.uint8).repeat(8, 0).repeat(8, 1)
    blocks = luma.reshape(8, 2, 8, 2).swapaxes(1, 2).reshape(64, 4)
    body = np.concatenate([blocks, np.full((64, 2), 128, np.uint8)], 1).tobytes()
    tags = {256: 16, 257: 16, 258: [8, 8, 8], 262: 6, 277: 3, 278: 16, 530: [2, 2], 259: 1}
    assert difference(tiff([(tags, [body])]), gray(luma[..., None].astype(int))) <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("planar", [False, True])
def test_orientation(orientation: int, planar: bool) -> None:
    samples = quantized(3, 8)
    turned = Image.fromarray(samples)
    turned.getexif()[274] = orientation
    expected = np.asarray(ImageOps.exif_transpose(turned)).astype(int)
    for code in (1, 8):
        options: dict[str, Any] = {"t259": code, "t274": orientation, "encode": ENCODERS[code]}
        page = image(samples, bits=8, photometric=2, planar=planar, **options)
        assert difference(tiff([page]), expected) == 0


# ------------------------------------------------------------------ pages


def page(shade: int, side: int, **tags: Any) -> tuple[dict[int, Any], list[bytes]]:
    return image(np.full((side, side, 1), shade, np.uint8), bits=8, photometric=1, **tags)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_reduced_first_page_is_not_the_image(order: str) -> None:
    small, large = page(10, 16, t254=1), page(200, 40)
    tags, segments = small
    nested = [({**tags, SUB_IFDS: [page(30, 20, t254=1), large]}, segments)]
    for pages in ([small, large], [small, page(30, 20, t254=1), large], nested):
        opened = open_image(tiff(pages, order))
        assert opened.size == (40, 40) and opened.getpixel((0, 0)) == (200, 200, 200)


@pytest.mark.parametrize("first", [(1, 4), (4, 1), (5,), (4,)])
def test_a_transparency_mask_is_not_the_image(first: tuple[int, ...]) -> None:
    large = page(200, 40, t254=0)
    pages = [page(10, 16, t254=kind) for kind in first]
    assert open_image(tiff([*pages, large])).getpixel((0, 0)) == (200, 200, 200)


def test_the_old_tag_also_tells_a_reduced_page() -> None:
    assert open_image(tiff([page(10, 16, t255=2), page(200, 40, t255=1)])).size == (40, 40)
    assert open_image(tiff([page(10, 16, t255=3), page(200, 40)])).size == (16, 16)


def test_other_first_pages_are_the_image() -> None:
    small, large = page(10, 16), page(200, 40)
    tags, segments = small
    for first in (small, page(10, 16, t254=2), ({**tags, SUB_IFDS: [large]}, segments)):
        assert open_image(tiff([first, large])).size == (16, 16)
    assert open_image(tiff([page(10, 16, t254=1)])).size == (16, 16)


def test_directories_in_a_circle_or_without_end() -> None:
    reduced = page(10, 16, t254=1)
    for data in (tiff([reduced] * 500), tiff([reduced, reduced])):
        assert open_image(data).size == (16, 16)
    circle = bytearray(tiff([reduced]))
    first = struct.unpack_from("<I", circle, 4)[0]
    end = first + 2 + 12 * struct.unpack_from("<H", circle, first)[0]
    struct.pack_into("<I", circle, end, first)
    assert open_image(bytes(circle)).size == (16, 16)
    assert select_page(b"II*\0") == b"II*\0"  # incomplete: left to the decoder


@pytest.mark.parametrize("order", ["<", ">"])
def test_many_strips_but_not_a_million(order: str) -> None:
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, 1)
    data = head + struct.pack(f"{order}HHII", 273, 4, MAX_STRIPS, 0)
    assert select_page(data) == data
    with pytest.raises(UnusualFileError):
        select_page(head + struct.pack(f"{order}HHII", 273, 4, MAX_STRIPS + 1, 0))


@pytest.mark.parametrize(
    "tags", [{"t50706": [1, 4, 0, 0]}, {"photometric": 32803}, {"photometric": 34892}]
)
def test_camera_raw_files_are_named(tags: dict[str, Any]) -> None:
    full = image(np.zeros((40, 40, 1), np.uint8), bits=8, **{"photometric": 1, **tags})
    for pages in ([full], [page(10, 16, t254=1), full]):
        with pytest.raises(ImageError, match="camera raw"):
            open_image(tiff(pages))
