"""Valid images that Pillow misreads, and what to tell it so that it does not.

`test_corrections.py` and `test_tiff.py` compare every variant with the pixels that were written.
"""

from __future__ import annotations

from PIL import Image, ImagePalette, TiffImagePlugin

# libtiff for all files: Pillow's own reader misreads 16-bit samples in separate planes and
# subsampled YCbCr.
TiffImagePlugin.READ_LIBTIFF = True
_COLOR_MAP, _PHOTOMETRIC = 320, 262  # TIFF's tags
# libtiff returns numbers in the machine's byte order.
_NATIVE = {"F;32BF": "F;32NF", "I;32BS": "I;32NS"}


def correct_opened(image: Image.Image, data: bytes) -> None:
    """Correct what Pillow understood of an image's header, before it is decoded."""
    correct = {"PNG": _correct_png, "BMP": _correct_bmp, "TIFF": _correct_tiff}
    if image.format in correct:
        correct[image.format](image, data)


def _correct_png(image: Image.Image, data: bytes) -> None:
    """The transparent gray level is given in the file's bits, not in Pillow's 8."""
    if image.mode == "L" and data[24] < 8 and "transparency" in image.info:
        image.info["transparency"] *= 255 // (2 ** data[24] - 1)


def _correct_bmp(image: Image.Image, data: bytes) -> None:
    """Gray palettes are dropped even where the pixels have more bits than their mode."""
    bits = data[24] if data[14] == 12 else data[28]
    if image.mode in ("1", "L") and {1: "1", 8: "L"}.get(bits) != image.mode:
        grays = (0, 255) if image.mode == "1" else range(2**bits)
        image.palette = ImagePalette.raw("RGB", bytes(g for gray in grays for g in [gray] * 3))
        image._mode = "P"
        _set_raw_mode(image, {"1": "P;4", "L": "P;4"} if bits == 4 else {"1": "P"})


def _correct_tiff(image: Image.Image, data: bytes) -> None:
    """A color map should have 16 bits; some programs write 8."""
    colors = getattr(image, "tag_v2", {}).get(_COLOR_MAP, ())
    if image.mode in ("P", "PA") and colors and max(colors) < 256:
        image.palette = ImagePalette.raw("RGB;L", bytes(colors))
    _set_raw_mode(image, _NATIVE)


def _set_raw_mode(image: Image.Image, modes: dict[str, str]) -> None:
    """Replace the layout that the decoder expects of the file's pixels."""
    tiles = getattr(image, "tile", [])
    for position, tile in enumerate(tiles):
        mode, *others = tile.args
        tiles[position] = tile._replace(args=(modes.get(mode, mode), *others))


def visible_part(image: Image.Image) -> tuple[int, int, int, int]:
    """The box of an opened image that its file fills: a GIF's first frame may be smaller."""
    tiles = getattr(image, "tile", None)
    if image.format == "GIF" and tiles:
        left, top, right, bottom = tiles[0].extents
        return left, top, min(right, image.width), min(bottom, image.height)
    return 0, 0, image.width, image.height


def white_is_zero(image: Image.Image) -> bool:
    """Whether a decoded TIFF is a negative: Pillow inverts only up to 8 bits."""
    tags = getattr(image, "tag_v2", None)
    deep = image.mode.startswith(("I", "F"))
    return tags is not None and deep and tags.get(_PHOTOMETRIC, 0) == 0
