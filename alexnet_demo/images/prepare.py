"""Any image → the views that the network classifies.

Fashion-MNIST was made from product photos on white: trimmed, the longest side scaled to 28 pixels,
sharpened, centered on 28×28, negated, in grayscale. `prepare` brings an image as close to that as
it can. Each kind of image has a pipeline: photos use `segmentation`, line drawings `ink` and
`redraw`. A pipeline returns the image after each of its steps; `captions` explains them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images import boxes, ink, raster, redraw, segmentation, wearer
from alexnet_demo.images.boxes import WHOLE, bounding_box, clip_mask, crop
from alexnet_demo.images.captions import caption_steps
from alexnet_demo.images.decode import alpha_mask, flatten, open_image, to_rgb
from alexnet_demo.images.prepared import SIDE, Background, Choices, Kind, Polarity, PreparedImage
from alexnet_demo.settings.article import IMAGE_SIZE

DARKEST = 70  # gray level of black cloth's negative, of 255: it must stand out from the background
FRAME = 1.1  # side of the second view of a cluttered photo, relative to the object's longest side
Result = tuple[list[np.ndarray], dict[str, np.ndarray], Choices]
"""A pipeline's views, as in `PreparedImage`; what each step results in, uint8, by its key in
``captions.json``, in order; and what was decided."""


def prepare(image: Image.Image | bytes, choices: Choices | None = None) -> PreparedImage:
    """Bring an image as close as possible to the images that the network was trained on.

    Args:
        image: the bytes of an image file, or a PIL image of any mode.
        choices: what is decided by hand; nothing if None.

    Raises:
        ImageError: when it cannot be read, is too large, or shows nothing.
    """
    choices = choices or Choices()
    opened = open_image(image) if isinstance(image, bytes) else to_rgb(image)
    original = np.asarray(flatten(opened))
    kind, pixels = detect_kind(original, choices.kind)
    resolved = replace(choices, kind=kind)
    images = {"original": original}
    if kind == "dataset":
        views, results, decided = dataset_pipeline(pixels, resolved)
    elif kind == "sketch":
        if pixels is not original:
            images["sheet"] = pixels
        views, results, decided = sketch_pipeline(pixels, resolved)
    else:
        views, results, decided = photo_pipeline(pixels, alpha_mask(opened), resolved)
    images |= {**results, "input": input_pixels(views[0])}
    source: Literal["file", "image"] = "file" if isinstance(image, bytes) else "image"
    return PreparedImage(caption_steps(images, choices, decided, source), tuple(views), decided)


def input_pixels(view: np.ndarray) -> np.ndarray:
    """The network's input for one view, for display: uint8 (224, 224).

    Within one gray level of `network.input.to_input`, without torch, which would start threads of
    its own in the thread of each session.
    """
    return raster.to_uint8(cv2.resize(view.astype(np.float32), (IMAGE_SIZE, IMAGE_SIZE)))


def dataset_pipeline(image: np.ndarray, choices: Choices) -> Result:
    """Make the image light on dark, and 28×28 if it is not."""
    box = choices.box or WHOLE
    gray = raster.to_gray(crop(image, box))
    polarity = detect_polarity(gray) if choices.polarity == "auto" else choices.polarity
    light = view = 255 - gray if polarity == "invert" else gray
    if light.shape != (SIDE, SIDE):
        view = np.asarray(Image.fromarray(light).resize((SIDE, SIDE), Image.Resampling.BOX))
    decided = replace(choices, polarity=polarity, background="keep", box=box)
    return [view], {"light": light, "dataset": view}, decided


def sketch_pipeline(image: np.ndarray, choices: Choices) -> Result:
    """Find the ink, crop to it, redraw it with the standard pen, and shade what it encloses.

    Raises:
        ImageError: when there is no ink.
    """
    polarity = detect_ink_polarity(image) if choices.polarity == "auto" else choices.polarity
    contrast = ink.contrast(image if polarity == "invert" else 255 - image)
    mask = clip_mask(ink.drop_specks(ink.find_ink(contrast)), choices.box or WHOLE)
    box = bounding_box(mask) if mask.any() else WHOLE
    placed = redraw.place(crop(mask, box))
    if not placed.any():
        raise ImageError("The image shows no drawing: nothing stands out from the paper.")
    strokes, skeleton = redraw.redraw(placed)
    empty = np.zeros_like(strokes)
    interior = redraw.interior(strokes, skeleton) if redraw.SHADE else empty
    views = [redraw.render(strokes, interior)]
    images = {
        "paper": raster.to_uint8(contrast * 255),
        "ink": mask * np.uint8(255),
        "ink crop": placed * np.uint8(255),
        "strokes": strokes * np.uint8(255),
    }
    if interior.any():
        views.append(redraw.render(strokes, empty))
        images |= {"unshaded": views[1], "shaded": views[0]}
    else:
        images["open"] = views[0]
    return views, images, replace(choices, polarity=polarity, background="plain", box=box)


def photo_pipeline(image: np.ndarray, alpha: np.ndarray | None, choices: Choices) -> Result:
    """Find the object, remove its background, make it light on dark, crop, and fit it to 28×28.

    Args:
        image: uint8 (H, W, 3).
        alpha: the opaque pixels, bool (H, W); None without transparency.
        choices: what was chosen by hand.

    Raises:
        ImageError: when there is nothing but the background.
    """
    background, mask, garment = separate(image, alpha, choices)
    images = {"object": image * mask[..., None]}
    if garment is not None:
        mask, images["worn"] = garment, image * garment[..., None]
    gray = raster.to_gray(image)
    polarity = choices.polarity
    if polarity == "auto":
        polarity = detect_polarity(gray, None if background == "keep" else mask)
    light = 255 - gray if polarity == "invert" else gray
    toned = light if background == "keep" else tone(light, mask)
    box = bounding_box(mask)
    cropped = crop(toned, box)
    views = [fit(cropped)]
    images |= {"light": toned, "crop": cropped}
    if background == "cluttered":
        views.append(with_surroundings(light, box))
        images["surroundings"] = views[1]
    elif background != "keep" and garment is None:
        clothed = segmentation.remove_skin(image, mask)
        if clothed is not None:
            views.append(fit(crop(tone(light, clothed), bounding_box(clothed))))
            images["garment"] = views[1]
    images["photo"] = views[0]
    return views, images, replace(choices, polarity=polarity, background=background, box=box)


def separate(
    image: np.ndarray, alpha: np.ndarray | None, choices: Choices
) -> tuple[Background, np.ndarray, np.ndarray | None]:
    """How the background is removed, and the masks of the object and of a garment in it.

    Takes the first method that finds an object, or ``keep``, with the whole box as the object.

    Returns:
        The method, the object's mask, bool (H, W), never empty, and the part of it that
        `wearer.locate_garment` keeps, in the same form; None for all of it.
    """
    automatic = choices.background == "auto"
    methods: tuple[Background, ...] = ("alpha", "plain", "cluttered")
    box = choices.box or WHOLE
    for method in methods if automatic else (choices.background,):
        mask, garment = find_object(image, alpha, method, choices)
        if mask is not None and (mask := clip_mask(mask, box)).any():
            if garment is not None and not (garment := clip_mask(garment, box)).any():
                garment = None
            return method, mask, garment
    return "keep", clip_mask(np.ones(image.shape[:2], bool), box), None


def find_object(
    image: np.ndarray, alpha: np.ndarray | None, method: Background, choices: Choices
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The masks of the object and of a garment in it by one method, as `separate` returns them.

    The object's is None where the method does not suit the image. One chosen by hand is used even
    if it does not.
    """
    by_hand, garment = choices.background == method, None
    if method == "alpha":
        return alpha, None
    if method == "plain":
        small = raster.shrink(image, segmentation.PLAIN_SIDE)
        surface = segmentation.fit_background(small)
        if not (surface.plain or by_hand):
            return None, None
        mask = segmentation.plain_mask(small, surface)
        if not (mask.any() or by_hand):
            raise ImageError("The image shows nothing but one plain color.")
        plausible = mask.mean() < 0.95
        garment = wearer.locate_garment(small, surface, mask)
    elif method == "cluttered":
        small = raster.shrink(image, segmentation.CLUTTERED_SIDE)
        mask = segmentation.cluttered_mask(small, choices.box)
        plausible = segmentation.is_plausible(mask)
    else:
        return None, None
    if not (plausible or by_hand):
        return None, None
    if garment is not None:
        garment = segmentation.resize_mask(garment, image.shape)
    return segmentation.resize_mask(mask, image.shape), garment


def tone(light: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The object's gray levels mapped to `DARKEST`…255, on black; uint8 (H, W)."""
    lifted = DARKEST + light.astype(np.float32) * ((255 - DARKEST) / 255)
    return raster.to_uint8(lifted) * mask


def fit(cropped: np.ndarray) -> np.ndarray:
    """Scale until the longest side is 28, sharpen, and center on black, uint8 (28, 28)."""
    scaled = raster.resize_to_fit(cropped, SIDE).astype(np.float32)
    blurred = cv2.GaussianBlur(scaled, (0, 0), 1)
    return raster.center(raster.to_uint8(scaled + 0.5 * (scaled - blurred)), SIDE)


def with_surroundings(light: np.ndarray, box: boxes.Box) -> np.ndarray:
    """A square around the object with what is near it, uint8 (28, 28); edge pixels are repeated."""
    rows, columns = boxes.pixel_slices(box, light.shape)
    side = FRAME * max(rows.stop - rows.start, columns.stop - columns.start)
    scale = SIDE / side
    y, x = (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2
    move = np.array([[scale, 0, SIDE / 2 - x * scale], [0, scale, SIDE / 2 - y * scale]])
    move[:, 2] += (scale - 1) / 2  # coordinates are those of pixel centers
    soft = cv2.GaussianBlur(light, (0, 0), max(0.4 / scale, 0.1))  # no moiré when scaled down
    return cv2.warpAffine(soft, move, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)


def detect_kind(image: np.ndarray, chosen: Kind = "auto") -> tuple[Kind, np.ndarray]:
    """``dataset``, ``sketch`` or ``photo``, and the image, for a sketch without the table.

    A gray 28×28 image counts as one of the dataset; for drawings see `ink.is_drawing`.

    Args:
        image: uint8 (H, W, 3).
        chosen: the kind chosen by hand, or ``auto``.
    """
    if chosen in ("dataset", "photo"):
        return chosen, image
    small = image.shape[:2] == (SIDE, SIDE)
    if chosen == "auto" and small and raster.channel_range(image).max() <= 8:
        return "dataset", image
    if ink.is_drawing(raster.to_gray(image)):
        return "sketch", image
    sheet = ink.isolate_sheet(image)
    if sheet is not None:
        evenly_lit = raster.to_uint8((1 - ink.contrast(sheet)) * 255)
        if ink.is_drawing(evenly_lit, tolerance=1):
            return "sketch", sheet
    return ("photo" if chosen == "auto" else chosen), image


def detect_ink_polarity(image: np.ndarray) -> Polarity:
    """``invert`` where a drawing's ink is darker than its paper, else ``keep``."""
    gray = raster.to_gray(image)
    if clear := _clear_polarity(_border_level(gray)):
        return clear
    return "invert" if ink.split_lines(raster.shrink(gray, ink.DETECTION_SIDE))[2] else "keep"


def detect_polarity(gray: np.ndarray, mask: np.ndarray | None = None) -> Polarity:
    """``invert`` where the object is darker than the background, else ``keep``.

    A clearly light or dark border decides alone. Otherwise the object's mask is compared with the
    rest. Without a mask, the object is assumed to be where most of the difference is.

    Args:
        gray: uint8 (H, W).
        mask: bool (H, W), True on the object, if known.
    """
    level = _border_level(gray)
    if clear := _clear_polarity(level):
        return clear
    if mask is not None and mask.any() and not mask.all():
        return "invert" if gray[mask].mean() < gray[~mask].mean() else "keep"
    difference = gray.astype(np.int64) - level
    return "invert" if -difference[difference < 0].sum() > difference.clip(0).sum() else "keep"


def _clear_polarity(level: int) -> Polarity | None:
    """The polarity for a clearly light or dark background (0 to 255); None for a middle gray."""
    return None if 85 <= level <= 170 else "invert" if level > 127 else "keep"


def _border_level(gray: np.ndarray) -> int:
    """Gray level of the background, 0 to 255: the median along the border."""
    return int(np.median(gray[segmentation.border_mask(gray.shape, 0.02)]))
