"""Files that are no supported image: what they are, by their content, and what to do."""

from __future__ import annotations

import codecs
import re
from functools import cache

from PIL import features

_HEAD = 4_096  # bytes in which text formats are recognized
_EXPORT = "export it as PNG or JPEG"
_UNPACK = "unpack it and choose the images inside"
_GAP = rb"(?:\s|#[^\n]*\n)+"  # between the numbers of a Netpbm header
# The beginnings of files, with enough bytes that no ordinary text begins like them.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"II\+\0|MM\0\+", "a BigTIFF, the variant for files above 4 GB: save it as TIFF or PNG"),
    (rb"FUJIFILMCCD-RAW|IIU\0|IIR[OS]\x08\0|MMOR\0|\0MRM|FOVb.\0|.{6}HEAPCCDR", "camera raw"),
    (rb"(.{0,1000}[\r\n\0])?%PDF-\d", "a PDF document: export the page as PNG or JPEG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", f"a PostScript document: {_EXPORT}"),
    (rb"8BPS\0[\x01\x02]", f"a Photoshop document: {_EXPORT}"),
    (rb"gimp xcf (file|v\d{3})\0", f"a GIMP document: {_EXPORT}"),
    (rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51", f"a JPEG 2000 image: {_EXPORT}"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", f"a JPEG XL image: {_EXPORT}"),
    (rb"II\xbc", f"a JPEG XR image: {_EXPORT}"),
    (rb"\0\0[\x01\x02]\0.\0|icns[\0-\x08]", f"an icon: {_EXPORT}"),
    (rb"v/1\x01|#\?RADIANCE|#\?RGBE", f"a high-dynamic-range image: {_EXPORT}"),
    (
        rb"P1%b\d+%b\d+%b[01]|P4%b\d+%b\d+\s|P[2356]%b\d+%b\d+%b\d+\s" % ((_GAP,) * 8)
        + rb"|P7\n.{1,1000}ENDHDR|P[fF]\n\d+ \d+\n",
        f"a Netpbm image: {_EXPORT}",
    ),
    (rb"DDS \x7c\0|\xabKTX", f"a texture: {_EXPORT}"),
    (rb".{128}DICM|SIMPLE  =", f"a scientific or medical image: {_EXPORT}"),
    (rb"AT&TFORM", f"a DjVu document: {_EXPORT}"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", f"a Windows metafile: {_EXPORT}"),
    (
        rb"RIFF....(AVI |WAVE)|\x1a\x45\xdf\xa3|FLV\x01|OggS\0|ID3[\x02-\x04]|fLaC[\0\x80]|"
        rb"\0\0\x01[\xb3\xba]|[\0-\x08]...(moov|mdat|wide|free|skip)",
        "video or sound: take a screenshot of the frame",
    ),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an Office document: {_EXPORT}"),
    (
        rb"PK\x03\x04(?=.{26,4000}(\[Content_Types\]|_rels/|word/|ppt/|xl/|mimetype))",
        f"an Office document or e-book: {_EXPORT}",
    ),
    (
        rb"PK[\x03\x05]|\x1f\x8b|7z\xbc\xaf|Rar!\x1a|BZh[1-9](1AY&SY|\x17rE8P)|"
        rb"\xfd7zXZ|\x28\xb5\x2f\xfd|.{257}ustar[\0 ]",
        "an archive",
    ),
)
_ADVICE = {
    "camera raw": "a camera raw file: export the photo as JPEG",
    "an archive": f"an archive: {_UNPACK}",
}
_PATTERNS = tuple((re.compile(b"(?:" + p + b")", re.DOTALL), name) for p, name in _SIGNATURES)
_IMAGES = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_CONTROL = re.compile("[\0-\x08\x0e-\x1f\x7f]")  # characters that no text file has
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}


def brands(data: bytes) -> set[bytes]:
    """The brands of a file of boxes, such as AVIF, HEIC, or MP4; empty for other files."""
    if data[:1] != b"\0" or data[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12], *(data[i : i + 4] for i in range(16, size - 3, 4))}


def is_heic(data: bytes) -> bool:
    """Whether this is a HEIC or HEIF image."""
    names = brands(data)
    return bool(names & (_HEIC_BRANDS | {b"mif1", b"msf1"})) and not names & _AVIF_BRANDS


def image_format(data: bytes) -> str:
    """The format of a supported image, by its first bytes; empty for other files."""
    names = brands(data)
    if names & _AVIF_BRANDS or is_heic(data):
        return "AVIF" if names & _AVIF_BRANDS else "HEIC"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"BM") and b"\0" in data[2:18]:  # no text, such as one that begins "BMW"
        return "BMP"
    return next((name for start, name in _IMAGES if data.startswith(start)), "")


@cache
def can_decode_avif() -> bool:
    """Whether the installed Pillow decodes AVIF."""
    return bool(features.check("avif"))


@cache
def can_decode_heic() -> bool:
    """Whether ``pillow-heif`` is installed; registers it with Pillow."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True


def refusal(data: bytes) -> str | None:
    """Why a file is no image that can be read, one sentence; None for what may be one.

    Args:
        data: the whole file.
    """
    if not data:
        return "The file is empty."
    kind = image_format(data)
    if kind == "AVIF" and not can_decode_avif():
        return "This is an AVIF image: export it as JPEG. Only a Pillow built with AVIF reads it."
    if kind == "HEIC" and not can_decode_heic():
        return (
            "This is a HEIC image: export it as JPEG. A server reads HEIC only if "
            "requirements-heif.txt is installed there."
        )
    if kind:
        return None
    if names := brands(data):
        video = "video or sound: take a screenshot of the frame"
        return f"This is {_ADVICE['camera raw'] if b'crx ' in names else video}."
    head = data[:_HEAD]
    for pattern, name in _PATTERNS:
        if pattern.match(head):
            return f"This is {_ADVICE.get(name, name)}."
    return _refuse_text(head)


def _refuse_text(head: bytes) -> str | None:
    lower = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if b"<svg" in lower and lower.startswith(b"<"):
        return "This is an SVG drawing: export it as PNG."
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "This is a web page: save the image itself, not the page around it."
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        text = "\0"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or not _CONTROL.search(text):
        return "This is a text file, not an image."
    return None
