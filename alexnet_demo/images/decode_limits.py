"""What an image file may demand of its decoder: pixels, reads, scans, and parts.

A small file can demand gigabytes or minutes: by its size in pixels, by a million empty parts that
are walked one by one, or by refining an image ten thousand times. Each is counted here before or
while a file is read, so that no image takes more than 300 MB or 2 seconds (measured in
``docs/reliability.md``).
"""

from __future__ import annotations

import io
import re

from PIL import Image

from alexnet_demo.common.errors import ImageError

MAX_PIXELS = 50_000_000
# Their decoders hold the whole image more than once.
MAX_PIXELS_OF = {
    "TIFF": 20_000_000,
    "WebP": 16_000_000,
    "AVIF": 16_000_000,
    "HEIC": 25_000_000,
    "progressive JPEG": 30_000_000,
}
MAX_SIDE = 65_535
MAX_READS = 300_000  # of a file's parts, most of them of a few bytes
MAX_SEGMENTS, MAX_SCANS = 2_000, 50  # of a JPEG

# A JPEG's markers, except those without content: stuffed zeros, restarts, fill bytes.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # headers of the compressed pixels
_SCAN, _END, _COMMENT, _EXIF = 0xDA, 0xD9, 0xFE, b"Exif\0\0"


class UnusualFileError(ImageError):
    """A file whose structure no camera and no image editor produces: it is likely malicious."""

    def __init__(self) -> None:
        super().__init__("This file has an unusual structure. Re-save it in an image editor.")


class LimitedReader(io.BytesIO):
    """A file's bytes, to be read at most `MAX_READS` times: Pillow reads each part on its own."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise UnusualFileError
        return super().read(size)


def check_size(image: Image.Image) -> None:
    """Check the size of an image that is opened but not decoded.

    Raises:
        ImageError: when it has too many pixels for its format, or is too long.
    """
    kind = {"WEBP": "WebP", "HEIF": "HEIC"}.get(image.format or "", image.format or "")
    if kind == "JPEG" and "progressive" in image.info:
        kind = "progressive JPEG"
    limit = MAX_PIXELS_OF.get(kind, MAX_PIXELS)
    size = f"{image.width:,} × {image.height:,}"
    if image.width * image.height > limit:
        detail = f" for {kind}" if kind in MAX_PIXELS_OF else ""
        most = f"{limit // 10**6} million pixels{detail}"
        raise ImageError(f"The image is too large ({size}): at most {most}.")
    if max(image.size) > MAX_SIDE:
        raise ImageError(f"The image is too long ({size}): at most {MAX_SIDE:,} pixels per side.")


def strip_jpeg_metadata(data: bytes) -> tuple[bytes, bytes]:
    """A JPEG file with only what its pixels need, and its EXIF segment (empty if it has none).

    Raises:
        ImageError: when it has more than 8 bits per channel.
        UnusualFileError: when it has too many segments, or scans: each covers the whole image.
    """
    parts, exif, scans, position = [data[:2]], b"", 0, 2
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(data, position)
        if marker is None or marker[1][0] == _END:
            return b"".join([*parts, data[position : marker.end() if marker else None]]), exif
        code, begin = marker[1][0], marker.end()
        end = begin + int.from_bytes(data[begin : begin + 2], "big")
        content = data[begin + 2 : end]
        if code in _FRAMES and content[:1] != b"\x08":
            raise ImageError("This JPEG has more than 8 bits per channel: save it as PNG.")
        parts.append(data[position : marker.start()])  # a scan's pixels
        if code == 0xE1 and content.startswith(_EXIF):
            exif = exif or content
        # The application segments 0xE0 (JFIF) and 0xEE (Adobe) define the color space.
        if not (0xE1 <= code <= 0xED or code in (0xEF, _COMMENT)):
            parts.append(data[marker.start() : end])
        scans += code == _SCAN
        if scans > MAX_SCANS:
            break
        position = end
    raise UnusualFileError
