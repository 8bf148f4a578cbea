"""Malicious image files: each is small, and demands much memory, much time, or a crash."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """The image as a file of this format."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def garment(size: tuple[int, int] = (300, 200), mode: str = "RGB") -> Image.Image:
    """A dark shape on a light background, which can be prepared."""
    image = Image.new("L", size, 240)
    width, height = size
    image.paste(60, (width // 4, height // 5, -(-3 * width // 4), -(-4 * height // 5)))
    return image.convert(mode)


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(
    width: int, height: int, *, bits: int = 8, color: int = 0, extra: bytes = b"", end: bytes = b""
) -> bytes:
    """A black image of any size, compressed a thousandfold."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    row = -(-width * channels * bits // 8) + 1
    packer, block = zlib.compressobj(9), bytes(row * 64)
    parts = [packer.compress(block[: row * (height - top)]) for top in range(0, height, 64)]
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(3)) + chunk(b"tRNS", b"\0") if color == 3 else b""
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            palette,
            extra,
            chunk(b"IDAT", b"".join(parts) + packer.flush()),
            end,
            chunk(b"IEND"),
        ]
    )


def ifd_bomb(entries: int, size: int) -> bytes:
    """EXIF whose every entry claims the same ``size`` bytes, so that all together are huge."""
    head = b"II*\0" + struct.pack("<IH", 8, entries)
    body = b"".join(struct.pack("<HHII", 50_000 - entries + n, 1, size, 0) for n in range(entries))
    return (head + body).ljust(size, b"\0")


def segment(code: int, content: bytes) -> bytes:
    return bytes((0xFF, code)) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(segments: bytes, image: Image.Image | None = None) -> bytes:
    data = encode(image or garment(), "JPEG")
    return data[:2] + segments + data[2:]


def exif_jpeg(exif: bytes, *, jfif: bool = True) -> bytes:
    """A JPEG whose EXIF is spread over as many segments as it needs."""
    parts = [exif[i : i + 65_000] for i in range(0, len(exif), 65_000)]
    data = encode(garment(), "JPEG")
    body = data[2:] if jfif else data[20:]
    return data[:2] + b"".join(segment(0xE1, b"Exif\0\0" + part) for part in parts) + body


def scans_jpeg(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG of one gray level, refined again and again."""
    data = encode(Image.new("L", (width, height), 128), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def gif_comment(blocks: int) -> bytes:
    data = encode(garment(mode="P"), "GIF")
    place = data.index(b"\x2c", 13 + 3 * 2 ** ((data[10] & 7) + 1))
    return data[:place] + b"!\xfe" + (b"\xff" + b"x" * 255) * blocks + b"\0" + data[place:]


def gif(width: int, height: int) -> bytes:
    """A GIF with a screen and a frame of that size; the rest is missing."""
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0)
    return b"GIF89a" + screen + bytes(6) + frame + b"\x02\x02\x4c\x01\0;"


def frames(count: int, kind: str) -> bytes:
    """Many tiny frames that differ, of which only the first should be read."""
    rng = np.random.default_rng(0)
    shots = [Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)) for _ in range(count)]
    return encode(shots[0], kind, save_all=True, append_images=shots[1:])


def bmp_runs(width: int, height: int, runs: int) -> bytes:
    """A run-length coded BMP of runs of one pixel."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 2 * runs, 0, 0, 256, 0)
    offset = 14 + len(info) + 1024
    return (
        b"BM"
        + struct.pack("<IHHI", offset + 2 * runs, 0, 0, offset)
        + info
        + bytes(1024)
        + b"\1\0" * runs
    )


def black(
    kind: str, mode: str = "RGB", size: tuple[int, int] = (10_000, 5_000), **options: object
) -> bytes:
    """A black image of this format, mode, and size."""
    return encode(Image.new(mode, size), kind, **options)


def black_tiff(mode: str, size: tuple[int, int] = (10_000, 5_000), **options: object) -> bytes:
    """A compressed black TIFF."""
    return black("TIFF", mode, size, compression="tiff_deflate", **options)


def tiff(changes: dict[int, tuple[int, int, int]], size: int) -> bytes:
    """A gray TIFF of 40 × 40 with other entries (type, count, value), padded with zeros."""
    entries = (
        {256: (4, 1, 40), 257: (4, 1, 40), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1)}
        | {273: (4, 1, 200), 277: (3, 1, 1), 278: (4, 1, 40), 279: (4, 1, 1600)}
        | changes
    )
    packed = b"".join(struct.pack("<HHII", tag, *entries[tag]) for tag in sorted(entries))
    return (b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4)).ljust(size, b"\0")


def strips(count: int, size: int) -> bytes:
    """A TIFF in so many strips of one row."""
    return tiff({273: (4, count, 200), 279: (4, count, 200), 278: (4, 1, 1)}, size)


MB = 2**20
HUGE, LARGE = (10_000, 5_000), (5_000, 4_000)
BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG of 30,000 × 30,000": lambda: png(30_000, 30_000, bits=1),
    "PNG of 50 million pixels, gray": lambda: png(*HUGE),
    "PNG of 50 million pixels, color": lambda: png(*HUGE, color=2),
    "PNG of 50 million pixels, transparent": lambda: png(*HUGE, color=6),
    "PNG of 50 million pixels, gray and alpha": lambda: png(*HUGE, color=4),
    "PNG of 50 million pixels, 16 bits": lambda: png(*HUGE, bits=16),
    "PNG of 50 million pixels, 16 bits transparent": lambda: png(*HUGE, bits=16, color=6),
    "PNG of 50 million pixels, palette": lambda: png(*HUGE, color=3),
    "PNG, one row of 50 million": lambda: png(50_000_000, 1),
    "PNG, one column of 50 million": lambda: png(1, 50_000_000),
    "PNG with a million chunks": lambda: png(40, 40, extra=chunk(b"teSt") * 1_500_000),
    "PNG with a million chunks at its end": lambda: png(40, 40, end=chunk(b"teSt") * 1_500_000),
    "PNG with a million empty IDAT": lambda: png(40, 40, extra=chunk(b"IDAT") * 1_500_000),
    "PNG with text bombs": lambda: png(
        40, 40, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1_000_000))) * 60
    ),
    "PNG with an EXIF bomb": lambda: png(40, 40, extra=chunk(b"eXIf", ifd_bomb(5_000, 15 * MB))),
    "JPEG of 50 million pixels": lambda: black("JPEG"),
    "JPEG of 50 million pixels, progressive": lambda: black(
        "JPEG", progressive=True, subsampling=0
    ),
    "JPEG of 50 million pixels, CMYK progressive": lambda: black("JPEG", "CMYK", progressive=True),
    "JPEG of 65,000 × 760": lambda: black("JPEG", size=(65_000, 760)),
    "JPEG with ten thousand scans": lambda: scans_jpeg(8_000, 6_000, 10_000),
    "JPEG with a million segments": lambda: jpeg_with(segment(0xEB, b"") * 4_000_000),
    "JPEG with an EXIF bomb": lambda: exif_jpeg(ifd_bomb(5_000, 15 * MB)),
    "JPEG with an EXIF bomb and no density": lambda: exif_jpeg(
        ifd_bomb(5_000, 15 * MB), jfif=False
    ),
    "JPEG with an index bomb": lambda: jpeg_with(segment(0xE2, b"MPF\0" + ifd_bomb(5_400, 65_000))),
    "JPEG with 18 MB of metadata": lambda: jpeg_with(
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(65_000)) * 280
    ),
    "GIF of 50 million pixels": lambda: gif(*HUGE),
    "GIF of 50 million pixels, whole": lambda: black("GIF", "P"),
    "GIF with an endless comment": lambda: gif_comment(75_000),
    "GIF of 10,000 frames": lambda: frames(10_000, "GIF"),
    "WebP of 10,000 frames": lambda: frames(10_000, "WEBP"),
    "PNG of 10,000 frames": lambda: frames(10_000, "PNG"),
    "TIFF of 1,000 pages": lambda: frames(1_000, "TIFF"),
    "WebP of 50 million pixels": lambda: black("WEBP"),
    "WebP of 50 million pixels, lossless": lambda: black("WEBP", "RGBA", lossless=True),
    "WebP of 16 million pixels": lambda: black("WEBP", size=(4_000, 4_000)),
    "WebP of 16 million pixels, lossless": lambda: black(
        "WEBP", "RGBA", (4_000, 4_000), lossless=True
    ),
    "JPEG of 30 million pixels, CMYK progressive": lambda: black(
        "JPEG", "CMYK", (6_000, 5_000), progressive=True
    ),
    "JPEG of 30 million pixels and 50 scans": lambda: scans_jpeg(6_000, 5_000, 43),
    "AVIF of 16 million pixels": lambda: black("AVIF", size=(4_000, 4_000), speed=10),
    "AVIF of 16 million pixels, transparent": lambda: black(
        "AVIF", "RGBA", (4_000, 4_000), speed=10, subsampling="4:4:4"
    ),
    "AVIF of 50 million pixels": lambda: black("AVIF", speed=10),
    "AVIF of 500 frames": lambda: frames(500, "AVIF"),
    "BMP of runs of one": lambda: bmp_runs(10_000, 5_000, 10_000_000),
    "BMP of 50 million pixels, nothing behind": lambda: bmp_runs(10_000, 5_000, 1),
    "TIFF of 50 million pixels, packed": lambda: black_tiff("RGB"),
    "TIFF of 50 million pixels, one strip": lambda: black_tiff("RGBA", tiffinfo={278: 5_000}),
    "TIFF of 50 million floats": lambda: black_tiff("F"),
    "TIFF of 50 million pixels, fax": lambda: black("TIFF", "1", compression="group4"),
    "TIFF of 20 million pixels, one strip": lambda: black_tiff(
        "RGBA", LARGE, tiffinfo={278: 4_000}
    ),
    "TIFF of 20 million pixels, turned": lambda: black_tiff("RGBA", LARGE, tiffinfo={274: 6}),
    "TIFF of 20 million floats": lambda: black_tiff("F", LARGE, tiffinfo={278: 4_000}),
    "TIFF of 20 million pixels, fax": lambda: black("TIFF", "1", LARGE, compression="group4"),
    "TIFF of 20,000 strips": lambda: strips(20_000, 100_000),
    "TIFF whose tags share bytes": lambda: tiff(
        dict.fromkeys(range(40000, 45000), (1, 15 * MB, 0)), 15 * MB
    ),
    "TIFF of a million strips": lambda: strips(4_500_000, 18 * MB),
    "TIFF of a huge tile": lambda: tiff(
        {322: (4, 1, 60_000), 323: (4, 1, 60_000), 324: (4, 1, 200), 325: (4, 1, 1000)}
        | {259: (3, 1, 8)},
        5_000,
    ),
}
