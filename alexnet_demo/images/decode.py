"""From the bytes of an image file to an upright picture in colour, whatever came."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images import decode_limits

WORKING_SIDE = 512  # longest side that the steps work on, pixels: all that they can use
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")
_UNREADABLE = "This is not a picture that can be read: use PNG, JPEG, WebP, GIF, BMP or TIFF."
_LARGE = 4_000_000  # pixels; of larger pictures only one is decoded at a time
_large_ones = Lock()
_STRIP = 1_000_000  # pixels that are converted at a time
# One picture could fill the log: Pillow warns of every entry of damaged metadata.
warnings.filterwarnings("ignore", module=r"PIL\.")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What an EXIF orientation asks for."""


def open_image(data: bytes) -> Image.Image:
    """Decode an image file, upright, RGB or RGBA; of several frames the first.

    What it may ask for is checked before anything is decoded, see `guard`. The result's longest
    side is at most 512 pixels, and exactly the file's where that is smaller.

    Raises:
        PictureError: when it is empty, no picture, damaged, too large, or made to do harm.
    """
    if not data:
        raise ImageError("The file is empty.")
    exif = b""
    if data.startswith(b"\xff\xd8"):
        data, exif = decode_limits.bare_jpeg(data)
    elif data.startswith((b"II", b"MM")):
        decode_limits.check_tiff(data)
    image = _identify(data)
    decode_limits.check_size(image)
    image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # JPEG: decode no more than is needed
    if image.width * image.height <= _LARGE:
        return _decode(image, exif)
    with _large_ones:
        return _decode(image, exif)


def _identify(data: bytes) -> Image.Image:
    try:
        return Image.open(decode_limits.Counted(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        most = decode_limits.MAX_PIXELS // 10**6
        raise ImageError(f"The picture is too large: at most {most} million pixels.") from error
    except ImageError:
        raise
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise ImageError(_UNREADABLE) from error


def _decode(image: Image.Image, exif: bytes) -> Image.Image:
    """Pixels, upright, with as few copies of the whole as can be."""
    try:
        image.load()
        turn = _TURNS.get(_orientation(image, exif))
        small = to_rgb(image)
        return small.transpose(turn) if turn is not None else small
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many types on damaged files
        raise ImageError("The picture is damaged or cut short.") from error


def _orientation(image: Image.Image, exif: bytes) -> int:
    """EXIF's number for how the picture is to be turned; 1, upright, where that is unreadable."""
    with suppress(Exception):  # damaged metadata is no reason to refuse a whole picture
        if exif:
            found = Image.Exif()
            found.load(exif)
        else:
            found = image.getexif()
        return int(found.get(ExifTags.Base.Orientation, 1))
    return 1


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where there is transparency, from any PIL mode; longest side at most 512.

    More than 8 bits a pixel are scaled, not clipped. Large pictures are converted and reduced in
    strips, so that no second one of their size is made.
    """
    transparent = image.mode in _ALPHA_MODES or "transparency" in image.info
    mode = "RGBA" if transparent else "RGB"
    deep = image.mode.startswith("I") or image.mode == "F"  # more than 8 bits
    levels = _levels(image) if image.mode in ("I", "F") else None
    width, height = image.size

    def convert(part: Image.Image) -> Image.Image:
        if deep:
            part = Image.fromarray(scale_levels(np.asarray(part), image.mode, levels))
        return part.convert(mode)

    scale = WORKING_SIDE / max(width, height)
    if scale >= 1:
        return convert(image)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Averaged over whole pixels first, as far as twice the size, then resampled.
    across, down = max(1, width // size[0] // 2), max(1, height // size[1] // 2)
    # Colours count by their opacity, lest hidden ones shine through.
    small = Image.new("RGBa" if transparent else "RGB", (-(-width // across), -(-height // down)))
    for top, part in _strips(image, down):
        small.paste(convert(part).convert(small.mode).reduce((across, down)), (0, top // down))
    box = (0, 0, width / across, height / down)
    return small.resize(size, Image.Resampling.BICUBIC, box).convert(mode)


def _strips(image: Image.Image, step: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """A picture in strips of about a million pixels, each with the row where it begins.

    Args:
        step: their heights are multiples of this, but for the last.
    """
    rows = step * max(1, _STRIP // (step * image.width))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _levels(image: Image.Image) -> tuple[float, float]:
    """The least and the greatest pixel of one of PIL's integer and float modes."""
    ends = [(found.min(), found.max()) for _, part in _strips(image) for found in [_finite(part)]]
    return float(min(low for low, _ in ends)), float(max(high for _, high in ends))


def scale_levels(
    values: np.ndarray, mode: str, levels: tuple[float, float] | None = None
) -> np.ndarray:
    """Pixels of PIL's integer and float modes as uint8 of the same shape.

    16 bits become 8 by dividing; 32 bits and floats have no fixed range, so those that fit 8 or
    16 bits (or [0, 1]) are taken for that, and others are scaled from their least to their most.

    Args:
        levels: the least and the most, where ``values`` are only a part of the picture.
    """
    if mode.startswith("I;16"):
        return np.rint(values / np.float32(257)).astype(np.uint8)
    values = _finite(values)
    low, high = levels or (float(values.min()), float(values.max()))
    if low < 0 or high > 65_535:
        # Halved first: the distance between the ends may be more than a float can hold.
        scaled = (values / 2 - low / 2) * (255 / ((high / 2 - low / 2) or 1))
    elif mode == "F" and high <= 1:
        scaled = values * 255
    else:
        scaled = values / 257 if high > 255 else values
    return np.rint(scaled).astype(np.uint8)


def _finite(pixels: Image.Image | np.ndarray) -> np.ndarray:
    """As float64, with 0 for what is NaN or infinite."""
    return np.nan_to_num(np.asarray(pixels, np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def flatten(image: Image.Image) -> Image.Image:
    """RGB without transparency: on white, or on black where the object would vanish on white."""
    if image.mode != "RGBA":
        return image
    alpha = np.asarray(image.getchannel("A"))
    visible = np.asarray(image.convert("L"))[alpha > 127]
    dark_ground = visible.size > 0 and np.percentile(visible, 5) > 200
    ground = Image.new("RGBA", image.size, "black" if dark_ground else "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def alpha_mask(image: Image.Image) -> np.ndarray | None:
    """What is opaque, bool (H, W); None where no real part of the picture is transparent."""
    if image.mode != "RGBA":
        return None
    mask = np.asarray(image.getchannel("A")) > 127
    return mask if 0.005 < mask.mean() < 0.99 else None
