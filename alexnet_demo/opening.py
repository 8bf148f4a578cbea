"""From the bytes of an image file to an upright picture in colour, whatever came."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

WORKING_SIDE = 512  # longest side that the steps work on, pixels: all that they can use
MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")


class PictureError(ValueError):
    """A picture cannot be used; the message is one sentence that says why."""


def open_picture(data: bytes) -> Image.Image:
    """Decode an image file, upright, RGB or RGBA; of several frames the first.

    The size is checked before anything is decoded. The result's longest side is at most 512
    pixels, and exactly the file's where that is smaller.

    Raises:
        PictureError: when it is empty, no picture, damaged, or above 50 million pixels.
    """
    if not data:
        raise PictureError("The file is empty.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        if isinstance(error, Image.DecompressionBombError):
            raise _too_large() from error
        raise PictureError(
            "This is not a picture that can be read: use PNG, JPEG, WebP, GIF, BMP or TIFF."
        ) from error
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(image)
    try:
        image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # JPEG: decode no more than is needed
        image.load()
        return to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's decoders raise errors of many types on damaged files
        raise PictureError("The picture is damaged or cut short.") from error


def _too_large(image: Image.Image | None = None) -> PictureError:
    size = f" ({image.width:,} × {image.height:,})" if image else ""
    limit = MAX_PIXELS // 1_000_000
    return PictureError(f"The picture is too large{size}: at most {limit} million pixels.")


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB, or RGBA where there is transparency, from any PIL mode; longest side at most 512.

    More than 8 bits a pixel are scaled, not clipped.
    """
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(scale_levels(np.asarray(image), image.mode))
    transparent = image.mode in _ALPHA_MODES or "transparency" in image.info
    image = image.convert("RGBA" if transparent else "RGB")
    if max(image.size) > WORKING_SIDE:
        image.thumbnail((WORKING_SIDE, WORKING_SIDE), reducing_gap=2.0)
    return image


def scale_levels(values: np.ndarray, mode: str) -> np.ndarray:
    """Pixels of PIL's integer and float modes as uint8 of the same shape.

    16 bits become 8 by dividing; 32 bits and floats have no fixed range, so those that fit 8 or
    16 bits (or [0, 1]) are taken for that, and others are scaled from their least to their most.
    """
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if mode.startswith("I;16"):
        scaled = values / 257
    elif low < 0 or high > 65_535:
        scaled = (values - low) * (255 / (high - low or 1))
    elif mode == "F" and high <= 1:
        scaled = values * 255
    else:
        scaled = values / 257 if high > 255 else values
    return np.rint(scaled).astype(np.uint8)


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
