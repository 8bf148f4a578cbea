"""From the bytes of an image file to an upright RGB image of bounded size."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from threading import Lock

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images import corrections, decode_limits, file_types, tiff
from alexnet_demo.images.raster import fitted_size

WORKING_SIDE = 512  # longest side that the preparation works on, pixels
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".avif", ".heic", ".heif"),
)
FORMATS = ("PNG", "JPEG", "WebP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")
_LARGE = 4_000_000  # pixels; of images larger than this only one is decoded at a time
_large_lock = Lock()
_STRIP = 1_000_000  # pixels that are converted at a time
# One image could fill the log: Pillow warns about every entry of damaged metadata.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_image(data: bytes) -> Image.Image:
    """Decode an image file to upright RGB or RGBA; only the first of several frames.

    Size and structure are checked before anything is decoded, see `decode_limits`. The longest
    side of the result is at most `WORKING_SIDE` pixels; smaller images keep their size.

    Raises:
        ImageError: when the file is empty, no image, damaged, too large, or malicious.
    """
    if reason := file_types.refusal(data):
        raise ImageError(reason)
    exif = b""
    if data.startswith(b"\xff\xd8"):
        data, exif = decode_limits.strip_jpeg_metadata(data)
    elif data.startswith((b"II*", b"MM\0")):
        data = tiff.select_page(data)
    image = _identify(data)
    if exif:
        image.info["exif"] = exif
    decode_limits.check_size(image)
    image.draft(None, (WORKING_SIDE, WORKING_SIDE))  # JPEG: decode no more than needed
    with _large_lock if image.width * image.height > _LARGE else nullcontext():
        return _decode(image, data)


def _identify(data: bytes) -> Image.Image:
    kind = file_types.image_format(data)
    try:
        if not kind:
            raise UnidentifiedImageError
        plugin = "HEIF" if kind == "HEIC" else kind
        return Image.open(decode_limits.LimitedReader(data), formats=(plugin,))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        limit = decode_limits.MAX_PIXELS // 10**6
        raise ImageError(f"The image is too large: at most {limit} million pixels.") from error
    except Exception as error:  # Pillow's plugins raise errors of many types on damaged files
        if kind:
            raise ImageError(
                f"This {kind} file is damaged or of a kind that is not supported: "
                "save it as PNG or JPEG."
            ) from error
        formats = ", ".join(FORMATS[:-1])
        raise ImageError(
            f"This is not a readable image: use {formats}, or {FORMATS[-1]}."
        ) from error


def _decode(image: Image.Image, data: bytes) -> Image.Image:
    """The upright pixels, with as few copies of the full size as possible."""
    try:
        corrections.correct_opened(image, data)
        visible = corrections.visible_part(image)
        image.load()
        negative = corrections.white_is_zero(image)
        small = to_rgb(image if visible == (0, 0, *image.size) else image.crop(visible))
        if negative:
            small = ImageOps.invert(small)
        small.info.clear()
        with suppress(Exception):  # damaged metadata is no reason to refuse the image
            orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
            small.getexif()[ExifTags.Base.Orientation] = orientation
        return ImageOps.exif_transpose(small)
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many types on damaged files
        raise ImageError("The image is damaged or incomplete.") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Any PIL mode → RGB, or RGBA where there is transparency, at most `WORKING_SIDE` pixels.

    More than 8 bits per channel are scaled, not clipped. Large images are converted and reduced in
    strips, so that no second one of their size is made. Alpha that is 0 everywhere is ignored:
    programs write it that know no alpha.
    """
    levels = _levels(image) if image.mode in ("I", "F") else None

    def convert(part: Image.Image, mode: str = "RGBA") -> Image.Image:
        if image.mode.startswith(("I", "F")):  # more than 8 bits
            values = np.asarray(part)
            part = Image.fromarray(scale_levels(values, image.mode, levels))
            if image.has_transparency_data:
                part.putalpha(Image.fromarray(values != image.info["transparency"]).convert("L"))
        elif part.mode == "La":  # Pillow converts it to nothing else
            part = part.convert("LA")
        return part.convert(mode)

    def is_visible(part: Image.Image) -> bool:
        return bool((part if "A" in part.getbands() else convert(part)).getchannel("A").getbbox())

    transparent = image.has_transparency_data and any(
        is_visible(part) for _, part in _strips(image)
    )
    mode = "RGBA" if transparent else "RGB"
    width, height = image.size
    if max(image.size) <= WORKING_SIDE:
        return convert(image, mode)
    size = fitted_size(width, height, WORKING_SIDE)
    # Averaged over whole pixels to about twice the size first, then resampled.
    across, down = max(1, width // size[0] // 2), max(1, height // size[1] // 2)
    # Premultiplied alpha ("RGBa"), so that the color of transparent pixels does not bleed.
    small = Image.new("RGBa" if transparent else "RGB", (-(-width // across), -(-height // down)))
    for top, part in _strips(image, down):
        small.paste(
            convert(part, mode).convert(small.mode).reduce((across, down)), (0, top // down)
        )
    box = (0, 0, width / across, height / down)
    return small.resize(size, Image.Resampling.BICUBIC, box).convert(mode)


def _strips(image: Image.Image, step: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Strips of about `_STRIP` pixels, each with its first row; heights are multiples of step."""
    rows = step * max(1, _STRIP // (step * image.width))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _levels(image: Image.Image) -> tuple[float, float]:
    """The least and the greatest finite value of an integer or float image."""
    ends = [(part.min(), part.max()) for part in (_finite(strip) for _, strip in _strips(image))]
    return float(min(low for low, _ in ends)), float(max(high for _, high in ends))


def scale_levels(
    values: np.ndarray, mode: str, levels: tuple[float, float] | None = None
) -> np.ndarray:
    """Pixels of PIL's integer and float modes as uint8 of the same shape.

    16 bits are divided down to 8. 32 bits and floats have no fixed range: values that fit 8 or 16
    bits (or [0, 1]) are scaled as such, others from their least to their greatest.

    Args:
        values: (H, W).
        mode: PIL's, such as ``I;16`` or ``F``.
        levels: least and greatest value of the image, where ``values`` are only a part of it.
    """
    if mode.startswith("I;16"):
        return np.rint(values / np.float32(257)).astype(np.uint8)
    values = _finite(values)
    low, high = levels or (float(values.min()), float(values.max()))
    if low < 0 or high > 65_535:
        # Halved first: the difference may be more than a float can hold.
        scaled = (values / 2 - low / 2) * (255 / ((high / 2 - low / 2) or 1))
    elif mode == "F" and high <= 1:
        scaled = values * 255
    else:
        scaled = values / 257 if high > 255 else values
    return np.rint(scaled).astype(np.uint8)


def _finite(pixels: Image.Image | np.ndarray) -> np.ndarray:
    """As float64, with 0 for NaN and infinity."""
    return np.nan_to_num(np.asarray(pixels, np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def flatten(image: Image.Image) -> Image.Image:
    """RGB without transparency: on white, or on black where the object would vanish on white."""
    if image.mode != "RGBA":
        return image
    alpha = np.asarray(image.getchannel("A"))
    visible = np.asarray(image.convert("L"))[alpha > 127]
    bright = visible.size > 0 and np.percentile(visible, 5) > 200
    background = Image.new("RGBA", image.size, "black" if bright else "white")
    return Image.alpha_composite(background, image).convert("RGB")


def alpha_mask(image: Image.Image) -> np.ndarray | None:
    """The opaque pixels, bool (H, W); None where hardly any or nearly all are transparent."""
    if image.mode != "RGBA":
        return None
    mask = np.asarray(image.getchannel("A")) > 127
    return mask if 0.005 < mask.mean() < 0.99 else None
