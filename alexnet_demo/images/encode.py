"""Images as PNG or JPEG files and data URLs, as a browser shows them."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from alexnet_demo.images.raster import fitted_size

CRISP_UP_TO = 64  # longest side, pixels, of images that are enlarged with hard pixel edges


def enlarge(image: Image.Image, side: int) -> Image.Image:
    """Fit an image into a square of ``side`` pixels, keeping its proportions and hard pixels."""
    size = fitted_size(*image.size, side)
    larger = side > max(image.size)
    resized = image.resize(size, Image.Resampling.NEAREST if larger else Image.Resampling.BOX)
    square = Image.new(image.mode, (side, side), "black" if image.mode == "L" else "white")
    square.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def overlay_heatmap(pixels: np.ndarray, heat: np.ndarray, side: int) -> Image.Image:
    """A grayscale image under a translucent heatmap, RGB (side, side).

    Args:
        pixels: uint8 (h, w).
        heat: float (H, W) in [0, 1]: from transparent through orange to yellow.
        side: of the result, pixels.
    """
    gray = np.asarray(enlarge(Image.fromarray(pixels), side), np.float32)[..., None]
    smooth = Image.fromarray(heat.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    level = np.clip(np.asarray(smooth), 0, 1)[..., None]
    color = np.concatenate([np.full_like(level, 255), 60 + 180 * level, 90 * level**3], axis=2)
    opacity = 0.75 * level
    return Image.fromarray((gray * (1 - opacity) + color * opacity).round().astype(np.uint8))


def png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    buffer = io.BytesIO()
    # Level 1 takes a quarter of the time of the default 6, for a file a tenth larger.
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def png_url(image: Image.Image) -> str:
    """A data URL with the exact image."""
    return f"data:image/png;base64,{base64.b64encode(png(image)).decode()}"


def data_url(image: Image.Image, side: int) -> str:
    """A data URL with the image, reduced to at most ``side`` pixels.

    Grayscale images stay exact; color ones become JPEG, a tenth of the size and of the time.
    """
    if max(image.size) > side:
        image = image.copy()
        image.thumbnail((side, side))
    if image.mode == "L":
        return png_url(image)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
