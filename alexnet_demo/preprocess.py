"""From any picture to what the network sees, for training and for prediction alike.

Fashion-MNIST was made from product photos on white: trimmed, longest side scaled to 28 pixels
with the aspect kept, sharpened, centred on 28×28, negated, grey. `prepare` brings any picture
there by named steps, each a pure function, and keeps what every step gave. `to_input` is the
last step, and training's only one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn.functional import interpolate

from alexnet_demo.config import IMAGE_SIZE

Kind = Literal["auto", "sketch", "photo", "dataset"]
Polarity = Literal["auto", "keep", "invert"]
KINDS, POLARITIES = get_args(Kind), get_args(Polarity)

SIDE = 28  # of a Fashion-MNIST picture, pixels
WORKING_SIDE = 512  # longest side that the steps work on, pixels: all that 28×28 can use
MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")


class PictureError(ValueError):
    """A picture cannot be used; the message is one sentence that says why."""


@dataclass(frozen=True)
class Step:
    """One thing that was done to a picture, and the picture after it (mode RGB or L)."""

    name: str
    explanation: str
    image: Image.Image


@dataclass(frozen=True)
class Prepared:
    """A picture made ready, and how.

    Attributes:
        steps: from the picture as it came to the network's input, in order.
        pixels: uint8 (28, 28), 0 background to 255.
        kind: ``sketch``, ``photo`` or ``dataset``.
        polarity: ``keep``, or ``invert`` where light and dark were swapped.
    """

    steps: list[Step]
    pixels: np.ndarray
    kind: Kind
    polarity: Polarity


def to_input(images: Tensor) -> Tensor:
    """Grey pictures to network inputs: [0, 1], resized to 224×224 bilinearly, on their device.

    The one definition of the network's input, which training and prediction share. Equals the
    article's ``Resize(224)`` + ``ToTensor()`` up to PIL's rounding to whole grey levels.

    Args:
        images: uint8 (N, height, width), 0 background to 255.

    Returns:
        float32 (N, 1, 224, 224).
    """
    x = images.unsqueeze(1).float() / 255
    return interpolate(x, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=False)


def prepare(
    picture: Image.Image | bytes, kind: Kind = "auto", polarity: Polarity = "auto"
) -> Prepared:
    """Bring a picture to 28×28 as Fashion-MNIST's were made.

    Args:
        picture: the bytes of an image file, or a PIL image of any mode.
        kind: ``sketch`` and ``photo`` are cropped to the object; ``dataset`` is taken as it is
            but for polarity; ``auto`` decides, see `detect_kind`.
        polarity: ``keep`` where the object is already light on dark; ``invert`` swaps light and
            dark; ``auto`` decides from the border, see `detect_polarity`.

    Raises:
        PictureError: when it cannot be read, is too large, or shows nothing.
    """
    if kind not in KINDS or polarity not in POLARITIES:
        raise ValueError(f"Unknown kind {kind!r} or polarity {polarity!r}.")
    image = open_picture(picture) if isinstance(picture, bytes) else to_rgb(picture)
    flat = flatten(image)
    grey = to_grey(flat)
    chosen_kind = detect_kind(grey) if kind == "auto" else kind
    swap = polarity == "invert" or (polarity == "auto" and detect_polarity(grey) == "invert")
    light = invert(grey) if swap else grey
    steps = [
        Step("Original", "The picture as it came, upright, transparency filled.", flat),
        Step("Grey", "Colour is left out: Fashion-MNIST has none.", Image.fromarray(grey)),
        Step("Light on dark", _POLARITY_WORDS[polarity, swap], Image.fromarray(light)),
    ]
    if chosen_kind == "dataset":
        pixels = resize_whole(light)
    else:
        clean = remove_ground(light)
        cut = crop(clean, specks=chosen_kind == "photo")
        pixels = fit(cut, sharpen=chosen_kind == "photo")
        steps += [
            Step("Background off", "The ground becomes black.", Image.fromarray(clean)),
            Step("Cropped", "Only the object is left, its proportions kept.", Image.fromarray(cut)),
        ]
    steps += [
        Step("28 × 28", _SIZE_WORDS[chosen_kind], Image.fromarray(pixels)),
        Step("224 × 224", "Enlarged smoothly: the network's input.", input_picture(pixels)),
    ]
    return Prepared(steps, pixels, chosen_kind, "invert" if swap else "keep")


_POLARITY_WORDS = {
    ("auto", True): "The border is light, so light and dark are swapped.",
    ("auto", False): "The border is dark already, so it stays as it is.",
    ("keep", False): "Left as it is, as you chose.",
    ("invert", True): "Light and dark are swapped, as you chose.",
}
_SIZE_WORDS = {
    "sketch": "Taken for a drawing: averaged down to the data set's size, strokes made bold.",
    "photo": "Taken for a photo: scaled down to the data set's size, sharpened, centred.",
    "dataset": "Taken for a picture of the data set: not changed further.",
}


# ------------------------------------------------------------------ opening


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


# ------------------------------------------------------------------ from colour to light on dark


def flatten(image: Image.Image) -> Image.Image:
    """RGB without transparency: on white, or on black where the object would vanish on white."""
    if image.mode != "RGBA":
        return image
    alpha = np.asarray(image.getchannel("A"))
    visible = np.asarray(image.convert("L"))[alpha > 127]
    dark_ground = visible.size > 0 and np.percentile(visible, 5) > 200
    ground = Image.new("RGBA", image.size, "black" if dark_ground else "white")
    return Image.alpha_composite(ground, image).convert("RGB")


def to_grey(image: Image.Image) -> np.ndarray:
    """Luminance, uint8 (H, W)."""
    return np.asarray(image.convert("L"))


def border(grey: np.ndarray) -> np.ndarray:
    """The pixels of a frame 2 % of the picture wide (at least one pixel), uint8 (K,)."""
    width = max(1, round(min(grey.shape) * 0.02))
    inside = np.zeros(grey.shape, bool)
    inside[width:-width, width:-width] = True
    return grey[~inside]


def ground_level(grey: np.ndarray) -> int:
    """Grey level of the ground, 0 to 255: the border's median."""
    return int(np.median(border(grey)))


def detect_polarity(grey: np.ndarray) -> Polarity:
    """``invert`` where the object is darker than the ground, else ``keep``.

    A clearly light or dark border decides alone. On a middle grey the object is taken to lie
    where most of the difference from the ground is.
    """
    ground = ground_level(grey)
    if not 85 <= ground <= 170:
        return "invert" if ground > 127 else "keep"
    difference = grey.astype(np.int64) - ground
    return "invert" if -difference[difference < 0].sum() > difference.clip(0).sum() else "keep"


def invert(grey: np.ndarray) -> np.ndarray:
    """Light and dark swapped, uint8."""
    return 255 - grey


def detect_kind(grey: np.ndarray) -> Kind:
    """``dataset``, ``sketch`` or ``photo``, from the grey picture (H, W) as it came.

    A 28×28 picture is one of the data set's kind. A sketch has a plain ground that fills half of
    it and reaches all along the border, and ink so thin that little is left when 2 % of the
    picture's side is taken off its edges. Anything else is a photo.
    """
    if grey.shape == (SIDE, SIDE):
        return "dataset"
    small = _small(grey, 128)
    ground = ground_level(small)
    off_ground = np.abs(small.astype(np.int64) - ground) > 32
    if off_ground.mean() > 0.5 or (np.abs(border(small) - float(ground)) > 32).mean() > 0.2:
        return "photo"
    return "sketch" if thickness(off_ground) < 0.2 else "photo"


def thickness(mask: np.ndarray) -> float:
    """Share (0 to 1) of a bool mask (H, W) that is left when two pixels are taken off all round."""
    if not mask.any():
        return 0.0
    eroded = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MinFilter(5))
    return float((np.asarray(eroded) > 0).sum() / mask.sum())


def _small(grey: np.ndarray, side: int) -> np.ndarray:
    """Scaled so that the longest side is ``side`` pixels, uint8."""
    scale = side / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX))


# ------------------------------------------------------------------ from the picture to 28×28


def remove_ground(light: np.ndarray) -> np.ndarray:
    """The ground's level taken off a light-on-dark picture, uint8 (H, W): the ground is 0.

    A ground that is light all the same (as where polarity was chosen by hand) stays: taking it
    off would leave nothing.
    """
    level = ground_level(light)
    return light if level > 170 else light - np.minimum(light, level)


def crop(clean: np.ndarray, specks: bool = False) -> np.ndarray:
    """Cut to what stands out from a ground of 0, uint8 (H, W) → (h, w).

    Args:
        clean: what `remove_ground` gives.
        specks: pass over rows and columns with hardly anything in them, as noise leaves.

    Raises:
        PictureError: when nothing stands out.
    """
    peak = int(clean.max())
    if peak < 8:
        raise PictureError("The picture shows nothing but one plain colour.")
    mask = clean > max(4, round(0.15 * peak))
    boxes = []
    for axis, length in ((1, mask.shape[1]), (0, mask.shape[0])):
        least = max(1, round(0.01 * length)) if specks else 1
        found = np.flatnonzero(mask.sum(axis) >= least)
        if not found.size:  # the object is smaller than what counts as a speck
            found = np.flatnonzero(mask.any(axis))
        boxes.append(slice(found[0], found[-1] + 1))
    return clean[boxes[0], boxes[1]]


def fit(cut: np.ndarray, sharpen: bool) -> np.ndarray:
    """Scale so that the longest side is 28, stretch the contrast, centre on 28×28 zeros, uint8.

    Area averaging lets a stroke thinner than a target pixel fade; the stretch brings it back.
    """
    scaled = _small(cut, SIDE)
    if sharpen:
        mask = ImageFilter.UnsharpMask(radius=1, percent=60, threshold=0)
        scaled = np.asarray(Image.fromarray(scaled).filter(mask))
    scaled = stretch(scaled, percentile=98 if sharpen else 80)
    height, width = scaled.shape
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[top : top + height, left : left + width] = scaled
    return pixels


def stretch(pixels: np.ndarray, percentile: float) -> np.ndarray:
    """Scale so that the given percentile of what is not background becomes 255, uint8.

    Never darkens, and leaves a picture without any object as it is.
    """
    marked = pixels[pixels > 8]
    if not marked.size:
        return pixels
    gain = 255 / np.percentile(marked, percentile)
    return np.rint(np.minimum(pixels * gain, 255)).astype(np.uint8)


def resize_whole(light: np.ndarray) -> np.ndarray:
    """The whole picture at 28×28, uint8; itself where it is that size already."""
    if light.shape == (SIDE, SIDE):
        return light
    resized = Image.fromarray(light).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(resized)


def input_picture(pixels: np.ndarray) -> Image.Image:
    """What `to_input` makes of one picture, as an image to look at (224×224)."""
    x = to_input(torch.from_numpy(pixels.copy())[None])[0, 0]
    return Image.fromarray((x * 255).round().to(torch.uint8).numpy())
