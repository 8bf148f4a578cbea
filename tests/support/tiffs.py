"""TIFF files of any variant, written from pixels."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Tags = Mapping[int, Any]
SUB_IFDS = 330


def directory(tags: Tags, order: str, position: int, following: int = 0) -> bytes:
    """An image file directory at a position of the file, with the values that do not fit into it.

    Args:
        tags: integers, sequences of them, or bytes; all are written as LONG, bytes as UNDEFINED,
            the 16-bit values of color maps and bit depths as SHORT.
        order: ``<`` or ``>``.
        following: where the next directory is.
    """
    entries, tail = [], b""
    place = position + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        value = tags[tag]
        if isinstance(value, bytes):
            kind, count, packed = 7, len(value), value
        else:
            values = [value] if isinstance(value, int) else list(value)
            kind, code = (4, "I") if tag in (256, 257, 273, 279, 324, 325, 330) else (3, "H")
            count, packed = len(values), struct.pack(f"{order}{len(values)}{code}", *values)
        if len(packed) > 4:
            tail += b"\0" * (len(tail) % 2)
            packed, tail = struct.pack(f"{order}I", place + len(tail)), tail + packed
        entries.append(struct.pack(f"{order}HHI", tag, kind, count) + packed.ljust(4, b"\0"))
    head = struct.pack(f"{order}H", len(tags)) + b"".join(entries)
    return head + struct.pack(f"{order}I", following) + tail


def tiff(pages: Sequence[tuple[Tags, Sequence[bytes]]], order: str = "<") -> bytes:
    """A TIFF of pages: the tags of each, and its strips (its tiles where it has tag 322).

    A page whose `SUB_IFDS` tag is a list of pages gets these as its subdirectories.
    """
    data = bytearray((b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 0))

    def add(tags: Tags, segments: Sequence[bytes]) -> int:
        tags = dict(tags)
        if SUB_IFDS in tags:
            tags[SUB_IFDS] = [add(*page) for page in tags[SUB_IFDS]]
        offsets = []
        for segment in segments:
            offsets.append(len(data))
            data.extend(segment + b"\0" * (len(segment) % 2))
        first = 324 if 322 in tags else 273
        tags |= {first: offsets, {324: 325, 273: 279}[first]: [len(s) for s in segments]}
        position = len(data)
        data.extend(directory(tags, order, position))
        data.extend(b"\0" * (len(data) % 2))
        return position

    link = 4  # where the position of the next directory goes
    for tags, segments in pages:
        position = add(tags, segments)
        struct.pack_into(f"{order}I", data, link, position)
        count = struct.unpack_from(f"{order}H", data, position)[0]
        link = position + 2 + 12 * count
    return bytes(data)


def image(
    samples: np.ndarray,
    *,
    bits: int,
    photometric: int,
    order: str = "<",
    planar: bool = False,
    rows: int | None = None,
    tile: tuple[int, int] | None = None,
    predictor: int = 1,
    reverse_bits: bool = False,
    encode: Callable[[bytes], bytes] = bytes,
    **tags: Any,
) -> tuple[dict[int, Any], list[bytes]]:
    """One page for `tiff`.

    Args:
        samples: (H, W, samples per pixel), of a type with at least as many bits.
        planar: every sample in strips or tiles of its own.
        rows: of a strip; all if None.
        tile: width and height instead of strips, multiples of 16.
        predictor: 2 stores differences between neighbors in a row.
        reverse_bits: the lowest bit of each byte comes first (fill order 2).
        encode: compresses a strip or tile.
        tags: further ones, by ``t`` and number, such as ``t259=8``.
    """
    height, width, count = samples.shape
    planes = [samples[..., [k]] for k in range(count)] if planar else [samples]
    across, down = tile or (width, rows or height)
    segments = []
    for plane in planes:
        for top in range(0, height, down):
            for left in range(0, width, across):
                part = plane[top : top + down, left : left + across]
                if tile:
                    missing = (down - part.shape[0], across - part.shape[1])
                    part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), "edge")
                if predictor == 2:
                    part = np.diff(part, axis=1, prepend=np.zeros_like(part[:, :1]))
                segment = pack(part, bits, order)
                if reverse_bits:
                    unpacked = np.unpackbits(np.frombuffer(segment, np.uint8))
                    segment = np.packbits(unpacked, bitorder="little").tobytes()
                segments.append(encode(segment))
    entries = {256: width, 257: height, 258: [bits] * count, 262: photometric, 277: count}
    entries |= {322: across, 323: down} if tile else {278: down}
    if predictor > 1:
        entries[317] = predictor
    if planar:
        entries[284] = 2
    if reverse_bits:
        entries[266] = 2
    return entries | {int(name[1:]): value for name, value in tags.items()}, segments


def pack(samples: np.ndarray, bits: int, order: str) -> bytes:
    """Rows of samples, each padded to a whole byte: (H, W, samples per pixel) → bytes."""
    if bits >= 8 and bits % 8 == 0:
        return samples.astype(f"{order}{samples.dtype.kind}{samples.dtype.itemsize}").tobytes()
    rows = samples.reshape(len(samples), -1, 1).astype(np.uint32)
    single = (rows >> np.arange(bits - 1, -1, -1, dtype=np.uint32)) & 1
    return np.packbits(single.astype(np.uint8).reshape(len(samples), -1), axis=1).tobytes()
