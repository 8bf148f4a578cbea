"""Real pictures of the data set for decoration, read without torch."""

from __future__ import annotations

import base64
import gzip
import io
from html import escape

import numpy as np
import streamlit as st
from PIL import Image, ImageColor

from alexnet_demo.charts import CLASS_COLORS
from alexnet_demo.config import CLASSES, DATA_DIR

_RAW = DATA_DIR / "FashionMNIST" / "raw"
_SIDE, _IMAGE_HEADER, _LABEL_HEADER = 28, 16, 8  # pixels; bytes before the data begins
_ENLARGED = 4


@st.cache_data(show_spinner=False)
def one_of_each() -> dict[str, np.ndarray]:
    """The first test picture of each class, uint8 (28, 28); empty where the files cannot be read.

    Whether the data is whole is checked where it is used for training, not here.
    """
    try:
        labels = _published("t10k-labels-idx1-ubyte.gz", _LABEL_HEADER)
        pixels = _published("t10k-images-idx3-ubyte.gz", _IMAGE_HEADER)
        images = pixels.reshape(-1, _SIDE, _SIDE)
        return {name: images[int(np.argmax(labels == i))] for i, name in enumerate(CLASSES)}
    except (OSError, EOFError, ValueError, IndexError):
        return {}


def _published(file: str, header: int) -> np.ndarray:
    with gzip.open(_RAW / file) as stream:
        return np.frombuffer(stream.read(), np.uint8, offset=header)


@st.cache_data(show_spinner=False)
def strip() -> str:
    """Ten pictures as HTML, each in the colour that its class has in every chart; or empty."""
    tiles = "".join(
        f'<figure><img src="{picture_url(image, CLASS_COLORS[name])}" '
        f'alt="A {_SIDE} by {_SIDE} pixel picture from Fashion-MNIST: {escape(name)}">'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name, image in one_of_each().items()
    )
    return f'<div class="garments">{tiles}</div>' if tiles else ""


def picture_url(image: np.ndarray, color: str = "#ffffff") -> str:
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
