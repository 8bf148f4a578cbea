"""TIFF: which of its pages is the image, and whether its variant is decoded right.

A TIFF can hold pixels in thousands of ways. Those that Pillow decodes right are decoded, as the
tests verify against what was written; the others are refused with the reason.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images.decode_limits import UnusualFileError

MAX_STRIPS = 20_000  # or tiles
MAX_PAGES = 32  # among which a file's full-resolution image is looked for

_KIND, _OLD_KIND = 254, 255
_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR = 258, 259, 262, 277, 284
_SUBDIRECTORIES, _INKS, _EXTRA, _FORMAT, _DNG = 330, 332, 338, 339, 50706
_OFFSETS = (273, 324)  # positions of its strips or tiles
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I"}  # of integers, as struct has them
_REDUCED, _MASK, _OLD_REDUCED = 1, 4, 2  # bits of _KIND; value of _OLD_KIND
_COMPRESSIONS = (1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000)
_CFA, _LINEAR_RAW = 32803, 34892  # photometric interpretations of camera raw files
Tags = dict[int, tuple[int, ...]]
"""The first values of each entry of integers, up to 16; of `_OFFSETS` only their number."""


def select_page(data: bytes) -> bytes:
    """The file with its full-resolution image first.

    Raises:
        UnusualFileError: for more than `MAX_STRIPS` strips or tiles.
        ImageError: for a variant that would not be decoded right.
    """
    order = "<" if data.startswith(b"II") else ">"
    pages = _pages(data, order)
    first = next(pages, None)
    if first is None:
        return data  # incomplete: left to the decoder
    page = next((p for p in chain([first], pages) if _is_full_image(p[1])), first)
    _check(page[1], raw=data[8:10] == b"CR")
    if page is first:
        return data
    return data[:4] + struct.pack(f"{order}I", page[0]) + data[8:]


def _pages(data: bytes, order: str) -> Iterator[tuple[int, Tags]]:
    """Position and tags of each page, subdirectories after their page; at most `MAX_PAGES`."""
    with suppress(struct.error):
        waiting, visited = [struct.unpack_from(f"{order}I", data, 4)[0]], set[int]()
        while waiting and len(visited) < MAX_PAGES:
            position = waiting.pop(0)
            if position and position not in visited:
                visited.add(position)
                tags, following = _read(data, order, position)
                yield position, tags
                waiting = [*tags.get(_SUBDIRECTORIES, ()), *waiting, following]


def _read(data: bytes, order: str, position: int) -> tuple[Tags, int]:
    """A directory's entries of integers, and the position of the next directory."""
    (count,) = struct.unpack_from(f"{order}H", data, position)
    end = position + 2 + 12 * count
    tags: Tags = {}
    for tag, kind, length, inline in struct.iter_unpack(f"{order}HHI4s", data[position + 2 : end]):
        if tag in _OFFSETS:
            tags[tag] = (length,)
        elif kind in _TYPES and tag not in tags:
            layout = struct.Struct(f"{order}{min(length, 16)}{_TYPES[kind]}")
            fits = length * struct.calcsize(f"{order}{_TYPES[kind]}") <= 4
            place = 0 if fits else struct.unpack(f"{order}I", inline)[0]
            with suppress(struct.error):  # it lies outside the file
                tags[tag] = layout.unpack_from(inline if fits else data, place)
    with suppress(struct.error):
        return tags, struct.unpack_from(f"{order}I", data, end)[0]
    return tags, 0


def _is_full_image(tags: Tags) -> bool:
    """Whether a page is neither a thumbnail nor another page's transparency mask."""
    if _get(tags, _KIND) & (_REDUCED | _MASK):
        return False
    return _get(tags, _OLD_KIND) != _OLD_REDUCED


def _get(tags: Tags, tag: int, default: int = 0) -> int:
    return (tags.get(tag) or (default,))[0]


def _check(tags: Tags, raw: bool) -> None:
    if any(_get(tags, tag) > MAX_STRIPS for tag in _OFFSETS):
        raise UnusualFileError
    if raw or _DNG in tags or _get(tags, _PHOTOMETRIC) in (_CFA, _LINEAR_RAW):
        raise ImageError("This is a camera raw file: export the photo as JPEG.")
    if reason := _misread(tags):
        raise ImageError(
            f"TIFF files with {reason} are not supported: save the image as PNG, or as TIFF with "
            "8 bits per channel."
        )


def _misread(tags: Tags) -> str:
    """What about this variant Pillow misreads or cannot read; empty if nothing is known."""
    samples, bits = _get(tags, _SAMPLES, 1), set(tags.get(_BITS, (1,)))
    formats, extra = set(tags.get(_FORMAT, (1,))), tags.get(_EXTRA, ())
    photometric = _get(tags, _PHOTOMETRIC)
    single = samples == 1 and bits == {32}  # Pillow's modes F and I
    if 3 in formats and not single:
        return "floating-point channels"
    if formats & {2, 5, 6} and not (single and formats == {2}):
        return "signed or complex numbers"
    if not bits <= {1, 2, 4, 8, 16} and not (single and formats != {1}):
        return f"{max(bits)} bits per channel"
    if _get(tags, _COMPRESSION, 1) not in _COMPRESSIONS:
        return f"compression {_get(tags, _COMPRESSION)}"
    if photometric == 5 and _get(tags, _INKS, 1) != 1:
        return "inks other than cyan, magenta, yellow, and black"
    if samples > 1 and _get(tags, _PLANAR, 1) == 2:
        alpha = set(extra) != {0} and extra
        if photometric == 8 or (alpha and (photometric not in (2, 5) or len(extra) > 1)):
            return "separate planes of this kind"
    return ""
