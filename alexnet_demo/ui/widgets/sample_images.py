"""Images of the dataset for decoration, read without torch."""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image, ImageColor, ImageOps

from alexnet_demo.data.fashion_mnist import first_of_each_class
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.images.encode import enlarge, png_url
from alexnet_demo.settings.article import CLASSES
from alexnet_demo.ui.components.component import render


@st.cache_data(show_spinner=False)
def class_strip() -> str:
    """One image per class as HTML, each in the color of its class; empty without the dataset."""
    samples = {CLASSES[sample.label]: sample.pixels for sample in first_of_each_class()}
    tiles = {name: image_url(pixels, CLASS_COLORS[name]) for name, pixels in samples.items()}
    return render(__file__, tiles=tiles) if tiles else ""


def image_url(pixels: np.ndarray, color: str = "#ffffff") -> str:
    """An image as a data URL: a PNG with colors from nearly black through ``color`` to white.

    Args:
        pixels: uint8 (28, 28), 0 background.
        color: hexadecimal; white leaves the image gray.
    """
    tint = np.array(ImageColor.getrgb(color))
    black, middle, white = (
        tuple(map(int, shade)) for shade in (tint * 0.12, tint * 0.85, tint * 0.15 + 255 * 0.85)
    )
    image = enlarge(Image.fromarray(pixels), 4 * pixels.shape[0])
    colorized = ImageOps.colorize(image, black, white, middle, midpoint=140)
    return png_url(colorized)
