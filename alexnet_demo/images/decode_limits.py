"""What a picture file may ask of its decoder: how large, how often, in how many parts.

A small file can ask for gigabytes or for minutes: by its size in pixels, by a million empty parts
that are walked through one by one, or by refining a picture ten thousand times. Each is counted
here before or while a file is read, so that no picture takes more than 300 MB or 2 seconds
(``docs/reliability.md`` has the figures).
"""

from __future__ import annotations

import io
import re
import struct

from PIL import Image

from alexnet_demo.common.errors import ImageError

MAX_PIXELS = 50_000_000
# Their decoders hold the whole picture more than once.
MAX_PIXELS_OF = {"TIFF": 20_000_000, "WebP": 16_000_000, "progressive JPEG": 30_000_000}
MAX_SIDE = 65_535
MAX_READS = 300_000  # of a file's parts, most of them of a few bytes
MAX_SEGMENTS, MAX_SCANS = 2_000, 50  # of a JPEG
MAX_STRIPS = 20_000  # of a TIFF, or tiles

# A JPEG's markers, without those that have no content: stuffed zeros, restarts, fill bytes.
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_SCAN, _END, _COMMENT, _EXIF = 0xDA, 0xD9, 0xFE, b"Exif\0\0"
_OFFSETS = (273, 324)  # TIFF's entries that say where its strips or tiles lie


def odd() -> ImageError:
    """The refusal of a file that only somebody who means harm would build."""
    return ImageError(
        "The file is built as no camera and no program builds one: open it in a picture program "
        "and save it anew."
    )


class Counted(io.BytesIO):
    """A file's bytes that can be read only so often: Pillow reads each part on its own."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise odd()
        return super().read(size)


def check_size(image: Image.Image) -> None:
    """Refuse a picture, opened but not decoded, that would need too much memory.

    Raises:
        PictureError: when it has too many pixels for its format, or is too long.
    """
    kind = (image.format or "").replace("WEBP", "WebP")
    if kind == "JPEG" and "progressive" in image.info:
        kind = f"progressive {kind}"
    most = MAX_PIXELS_OF.get(kind, MAX_PIXELS)
    if image.width * image.height > most:
        words = f" in a {kind}" if kind in MAX_PIXELS_OF else ""
        raise ImageError(
            f"The picture is too large ({image.width:,} × {image.height:,}): at most "
            f"{most // 10**6} million pixels{words}."
        )
    if max(image.size) > MAX_SIDE:
        raise ImageError(
            f"The picture is too long ({image.width:,} × {image.height:,}): at most {MAX_SIDE:,} "
            "pixels a side."
        )


def bare_jpeg(data: bytes) -> tuple[bytes, bytes]:
    """A JPEG file with nothing but what its pixels need, and its EXIF (empty without).

    Raises:
        PictureError: when it has too many segments, or scans: each goes over the whole picture.
    """
    kept, exif, scans, place = [data[:2]], b"", 0, 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, place)
        if found is None or found[1][0] == _END:
            return b"".join([*kept, data[place : found.end() if found else None]]), exif
        code, begin = found[1][0], found.end()
        end = begin + int.from_bytes(data[begin : begin + 2], "big")
        content = data[begin + 2 : end]
        kept.append(data[place : found.start()])  # a scan's pixels
        if code == 0xE1 and content.startswith(_EXIF):
            exif = exif or content
        if not (0xE1 <= code <= 0xED or code in (0xEF, _COMMENT)):  # 0xE0 and 0xEE tell colours
            kept.append(data[found.start() : end])
        scans += code == _SCAN
        if scans > MAX_SCANS:
            break
        place = end
    raise odd()


def check_tiff(data: bytes) -> None:
    """Refuse a TIFF in a million strips; one that cannot be read is left to the decoder.

    Raises:
        PictureError: for more than 20,000 strips or tiles, or the variant above 4 GB.
    """
    order = "<" if data.startswith(b"II") else ">"
    try:
        version, place = struct.unpack_from(f"{order}HI", data, 2)
        if version != 42:
            raise odd()
        for _ in range(struct.unpack_from(f"{order}H", data, place)[0]):
            tag, _, count = struct.unpack_from(f"{order}HHI", data, place + 2)
            if tag in _OFFSETS and count > MAX_STRIPS:
                raise odd()
            place += 12
    except struct.error:
        return
