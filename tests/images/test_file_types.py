"""Files of other kinds are named by their content, whatever their names."""

from __future__ import annotations

import bz2
import io
import tarfile
import zipfile

import pytest
from PIL import Image

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images import file_types
from alexnet_demo.images.decode import open_image
from alexnet_demo.images.decode_limits import UnusualFileError
from tests.support.hostile import encode, garment


def boxes(brand: bytes, *others: bytes) -> bytes:
    """The beginning of a file such as MP4 or HEIC."""
    content = b"ftyp" + brand + bytes(4) + b"".join(others)
    return (len(content) + 4).to_bytes(4, "big") + content + bytes(400)


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "x" * 100)
    return buffer.getvalue()


def tarball() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        file.addfile(tarfile.TarInfo("shirt.png"))
    return buffer.getvalue()


def pil(kind: str) -> bytes:
    return encode(garment(), kind)


OTHERS = {
    "PDF": (b"%PDF-1.7\n1 0 obj\n" + bytes(100), "PDF"),
    "PDF after blank lines": (b"\r\n\r\n%PDF-1.4\n" + bytes(100), "PDF"),
    "PDF of Pillow": (pil("PDF"), "PDF"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
    "Photoshop": (b"8BPS\0\1" + bytes(100), "Photoshop"),
    "JPEG 2000": (pil("JPEG2000"), "JPEG 2000"),
    "JPEG XL": (b"\xff\x0a\xfa\x7f\x01\x90" + bytes(50), "JPEG XL"),
    "JPEG XL in boxes": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL"),
    "JPEG XR": (b"II\xbc\1" + bytes(50), "JPEG XR"),
    "icon": (pil("ICO"), "icon"),
    "Netpbm": (pil("PPM"), "Netpbm"),
    "BigTIFF": (b"II+\0\x08\0\0\0" + bytes(200), "BigTIFF"),
    "BigTIFF of the other order": (b"MM\0+\0\x08\0\0" + bytes(200), "BigTIFF"),
    "SVG": (b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="x"/>', "SVG"),
    "SVG with a byte order mark": (b"\xef\xbb\xbf<svg/>", "SVG"),
    "web page": (b"\n<!DOCTYPE html><title>404</title>", "web page"),
    "web page in capitals": (b"<HTML><BODY>" + b"x" * 9_000, "web page"),
    "text": ("Größe 38, grün".encode(), "text file"),
    "long text": ("ü".encode() * 5_000, "text file"),
    "UTF-16": ("shirt".encode("utf-16"), "text file"),
    "JSON": (b'{"image": "shirt.png"}', "text file"),
    "video": (boxes(b"isom", b"mp41"), "video"),
    "QuickTime": (boxes(b"qt  "), "video"),
    "old QuickTime": (bytes(4) + b"moov" + bytes(100), "video"),
    "AVI": (b"RIFF" + bytes(4) + b"AVI LIST" + bytes(100), "video"),
    "Matroska": (b"\x1a\x45\xdf\xa3" + bytes(100), "video"),
    "camera raw": (boxes(b"crx ", b"isom"), "camera raw"),
    "Fujifilm": (b"FUJIFILMCCD-RAW 0201" + bytes(100), "camera raw"),
    "Panasonic": (b"IIU\0\x18\0\0\0" + bytes(100), "camera raw"),
    "Canon": (b"II*\0\x10\0\0\0CR\2\0\0\0\0\0\0\0\0\0\0\0" + bytes(40), "camera raw"),
    "archive": (archive("shirt.png"), "archive"),
    "gzip": (b"\x1f\x8b\x08" + bytes(50), "archive"),
    "Word": (archive("[Content_Types].xml", "word/document.xml"), "Office"),
    "OpenDocument": (archive("mimetype", "content.xml"), "Office"),
    "old Word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "Office"),
    "DICOM": (bytes(128) + b"DICM" + bytes(50), "medical"),
    "OpenEXR": (b"v/1\1\2\0\0\0" + bytes(50), "high-dynamic-range"),
    "bitmap as text": (b"P1\n# a comment\n2 2\n1 0 0 1\n", "Netpbm"),
    "bitmap": (b"P4\n8 1\n\xff", "Netpbm"),
    "PAM": (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n\xff", "Netpbm"),
    "Olympus": (b"IIRO\x08\0\0\0" + bytes(100), "camera raw"),
    "MP3": (b"ID3\x03\0\0" + bytes(100), "video or sound"),
    "Ogg": (b"OggS\0\2" + bytes(100), "video or sound"),
    "FLAC": (b"fLaC\0\0\0\x22" + bytes(100), "video or sound"),
    "bzip2": (bz2.compress(b"a shirt"), "archive"),
    "empty bzip2": (bz2.compress(b""), "archive"),
    "tar": (tarball(), "archive"),
    "texture": (b"DDS \x7c\0\0\0" + bytes(124), "texture"),
    "GIMP": (b"gimp xcf v011\0" + bytes(100), "GIMP"),
    "empty": (b"", "empty"),
    "unknown": (b"\x12\x99\xfe\0" + bytes(100), "not a readable image"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_named_with_what_to_do(name: str) -> None:
    data, fact = OTHERS[name]
    with pytest.raises(ImageError, match=fact) as error:
        open_image(data)
    assert not isinstance(error.value, UnusualFileError)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        *("The free lunch", "Any free ticket", "\nis free", "The skip button", "Go! wide open"),
        *("P1 2 hello", "P3 7 dwarfs", "P5\n# a comment", "P6 10 20 x", "P7\nend", "PF\nend"),
        *("ID3 is text", "BZhello", "BZh9 is a header", "Rar!", "OggS files", "fLaC is a codec"),
        *("BMW drives", "BM", "GIF8", "GIF89 or GIF87", "DDS files", "icns files", "8BPS heads"),
        *("MMORPG players", "IIROS", "FOVb and more", "gimp xcf files", "A PDF begins %PDF-1.7"),
        *("The ftyp box holds brands", "A note", "II", "MM", "PK", "RIFF", "7z", "P", "x" * 600),
    ],
)
def test_ordinary_texts_are_text(text: str) -> None:
    assert file_types.refusal(text.encode()) == "This is a text file, not an image."


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_images_are_no_other_files(kind: str) -> None:
    data = pil(kind)
    assert file_types.refusal(data) is None
    assert file_types.image_format(data) == kind.replace("WEBP", "WebP")
    with pytest.raises(ImageError, match="damaged"):
        open_image(data[: len(data) // 3])


def test_heic_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (boxes(b"heic", b"mif1"), boxes(b"mif1", b"heic"), boxes(b"heix")):
        monkeypatch.setattr(file_types, "can_decode_heic", lambda: False)
        with pytest.raises(ImageError, match=r"HEIC.*JPEG.*requirements-heif"):
            open_image(data)
        monkeypatch.setattr(file_types, "can_decode_heic", lambda: True)
        with pytest.raises(ImageError, match="HEIC file is damaged"):
            open_image(data)


def test_avif_is_read_where_pillow_can(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (boxes(b"avif", b"mif1"), boxes(b"mif1", b"avif")):
        assert file_types.image_format(data) == "AVIF"
    if file_types.can_decode_avif():
        assert open_image(encode(Image.new("RGB", (40, 30), "white"), "AVIF")).size == (40, 30)
    monkeypatch.setattr(file_types, "can_decode_avif", lambda: False)
    with pytest.raises(ImageError, match=r"AVIF.*Pillow"):
        open_image(boxes(b"avif"))
