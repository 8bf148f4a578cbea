"""Real pictures of the data set for decoration, read without torch."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
import streamlit as st
from PIL import Image, ImageColor

from alexnet_demo.data.fashion_mnist import first_of_each_class
from alexnet_demo.figures.theme import CLASS_COLORS
from alexnet_demo.settings.article import CLASSES

_SIDE, _ENLARGED = 28, 4  # pixels of a picture, and those shown for each


@st.cache_data(show_spinner=False)
def class_strip() -> str:
    """Ten pictures as HTML, each in the colour that its class has in every chart; or empty."""
    tiles = "".join(
        f'<figure><img src="{image_url(sample.pixels, CLASS_COLORS[name])}" '
        f'alt="A {_SIDE} by {_SIDE} pixel picture from Fashion-MNIST: {escape(name)}">'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for sample in first_of_each_class()
        if (name := CLASSES[sample.label])
    )
    return f'<div class="garments">{tiles}</div>' if tiles else ""


def image_url(image: np.ndarray, color: str = "#ffffff") -> str:
    """A picture as a data URL: PNG from nearly black through ``color`` to white.

    Args:
        image: uint8 (28, 28), 0 background.
        color: hexadecimal, given to the middle tones; white leaves the picture grey.
    """
    tint = np.array(ImageColor.getrgb(color), np.float32)
    stops = np.stack([tint * 0.12, tint * 0.85, tint * 0.15 + 255 * 0.85])
    levels = np.arange(256) / 255
    ramp = np.stack([np.interp(levels, (0, 0.55, 1), stops[:, c]) for c in range(3)], axis=1)
    pixels = ramp.astype(np.uint8)[image].repeat(_ENLARGED, 0).repeat(_ENLARGED, 1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
