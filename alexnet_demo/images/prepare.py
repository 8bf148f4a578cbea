"""From any picture to what the network sees, for training and for prediction alike.

Fashion-MNIST was made from product photos on white: trimmed, longest side scaled to 28 pixels
with the aspect kept, sharpened, centred on 28×28, negated, grey. `prepare` brings any picture as
near to that as it can by named steps, each a pure function, and keeps what every step gave:
photos by way of `segment`, line drawings by way of `paper` and `linework`. `to_input` is the last
step, and training's only one.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image

from alexnet_demo.common.errors import ImageError
from alexnet_demo.images import ink as paper
from alexnet_demo.images import redraw, segmentation
from alexnet_demo.images.boxes import Box, cut, inside_only, mask_box, pixel_box, share_box, to_gray
from alexnet_demo.images.decode import alpha_mask, flatten, open_image, to_rgb
from alexnet_demo.images.prepared import (
    AUTOMATIC,
    SIDE,
    Album,
    Background,
    Choices,
    Kind,
    Polarity,
    PreparedImage,
)
from alexnet_demo.images.raster import highest, lowest, shrink

DIMMEST = 70  # what white cloth becomes, 0 to 255: it must stand out from the black ground
_NOTHING = "The picture shows nothing but one plain colour."
_NO_INK = "The picture shows no drawing: nothing stands out from the paper."
FRAME = 1.1  # side of the second look at a cluttered photo, in sides of the object found


def prepare(picture: Image.Image | bytes, choices: Choices = AUTOMATIC) -> PreparedImage:
    """Bring a picture as near as possible to how the network's training pictures look.

    Args:
        picture: the bytes of an image file, or a PIL image of any mode.
        choices: what is decided by hand.

    Raises:
        PictureError: when it cannot be read, is too large, or shows nothing.
    """
    image = open_image(picture) if isinstance(picture, bytes) else to_rgb(picture)
    flat = flatten(image)
    pixels = np.asarray(flat)
    album = Album(flat)
    kind, page = read_kind(pixels, choices.kind)
    known = replace(choices, kind=kind)
    if kind == "dataset":
        return _dataset(album, pixels, known)
    if kind == "sketch":
        if page is not pixels:
            album.add("Sheet", "Only the sheet of paper counts, not what it lies on.", page)
        return _sketch(album, page, known)
    return _photo(album, pixels, alpha_mask(image), known)


# ------------------------------------------------------------------ pictures of the data set


def _dataset(album: Album, picture: np.ndarray, choices: Choices) -> PreparedImage:
    box = choices.box or (0.0, 0.0, 1.0, 1.0)
    grey = to_gray(cut(picture, box))
    polarity = detect_polarity(grey) if choices.polarity == "auto" else choices.polarity
    light = 255 - grey if polarity == "invert" else grey
    pixels = resize_whole(light)
    album.add("Light on dark", _polarity_words(choices, polarity), light)
    album.add("28 × 28", "Taken for a picture of the data set: not changed further.", pixels)
    return album.close([pixels], replace(choices, polarity=polarity, background="keep", box=box))


def resize_whole(light: np.ndarray) -> np.ndarray:
    """The whole picture at 28×28, uint8; itself where it is that size already."""
    if light.shape == (SIDE, SIDE):
        return light
    resized = Image.fromarray(light).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(resized)


# ------------------------------------------------------------------ drawings


def _sketch(album: Album, picture: np.ndarray, choices: Choices) -> PreparedImage:
    """Ink found, cropped to, thinned, drawn with the standard pen, its inside shaded."""
    polarity = choices.polarity
    if polarity == "auto":
        polarity = detect_ink(picture)
    dark = paper.dark_ink(picture, polarity == "invert")
    strength = paper.contrast(dark, paper.paper(dark))
    shown = np.rint(strength.clip(0, 1) * 255).astype(np.uint8)
    album.add("Paper off", "Every pixel against the paper around it: light and shadow go.", shown)
    window = pixel_box(choices.box or (0.0, 0.0, 1.0, 1.0), strength.shape)
    ink = inside_only(paper.drop_specks(paper.find_ink(strength)), window)
    if not ink.any():
        raise ImageError(_NO_INK)
    box = share_box(mask_box(ink), ink.shape)
    album.add("Ink", _polarity_words(choices, polarity), ink * np.uint8(255))
    placed = redraw.place(cut(ink, box))
    if not placed.any():
        raise ImageError(_NO_INK)
    album.add("Cropped", "Only the drawing is left, its proportions kept.", placed * np.uint8(255))
    strokes, middle = redraw.redraw(placed)
    album.add("One pen", "Drawn again with a pen of the usual width.", strokes * np.uint8(255))
    nothing = np.zeros_like(strokes)
    inside = redraw.interior(strokes, middle) if redraw.SHADE else nothing
    views = [redraw.render(strokes, inside)]
    words = "Taken for a drawing: its outline encloses nothing to shade."
    if inside.any():
        words = "Taken for a drawing: what the outline encloses is shaded."
        views.append(redraw.render(strokes, nothing))
        album.add("Second look", "The same without shading: both looks count.", views[1])
    side = len(views[0])
    shown = Image.fromarray(strokes * np.uint8(255))
    album.add(f"{side} × {side}", words, views[0], before=shown)
    return album.close(views, replace(choices, polarity=polarity, background="plain", box=box))


def detect_ink(picture: np.ndarray) -> Polarity:
    """``invert`` where a drawing's ink is darker than its paper, else ``keep``."""
    grey = to_gray(picture)
    if clear := polarity_of_ground(ground_level(grey)):
        return clear
    dark = paper.lines_and_rest(shrink(grey, paper.LOOK_SIDE))[2]
    return "invert" if dark else "keep"


# ------------------------------------------------------------------ photos


def _photo(
    album: Album, picture: np.ndarray, alpha: np.ndarray | None, choices: Choices
) -> PreparedImage:
    """Object found, cut out, toned as the data set's, cropped, scaled, sharpened, centred."""
    ground, mask = separate(picture, alpha, choices)
    grey = to_gray(picture)
    polarity = choices.polarity
    if polarity == "auto":
        polarity = detect_polarity(grey, None if ground == "keep" else mask)
    light = 255 - grey if polarity == "invert" else grey
    album.add("Background off", _GROUND_WORDS[ground], picture * mask[..., None])
    toned = light if ground == "keep" else tone(light, mask)
    album.add("Light on dark", _polarity_words(choices, polarity), toned)
    box = share_box(mask_box(mask), mask.shape)
    trimmed = cut(toned, box)
    album.add("Cropped", "Only the object is left, its proportions kept.", trimmed)
    views = [fit(trimmed)]
    if ground == "cluttered":
        views.append(around(light, box))
        words = "The object with what is around it, should it be cut out badly: both looks count."
        album.add("Second look", words, views[1], before=album.first)
    garment = worn(picture, mask) if ground in ("alpha", "plain") else None
    if garment is not None:
        toned = tone(light, garment)
        views.append(fit(toned[mask_box(garment)]))
        words = "The garment without the one who wears it: both looks count."
        album.add("Second look", words, views[1], before=album.first)
    words = "Taken for a photo: scaled down to the data set's size, sharpened, centred."
    album.add("28 × 28", words, views[0], before=Image.fromarray(trimmed))
    return album.close(views, replace(choices, polarity=polarity, background=ground, box=box))


def worn(picture: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """`segment.without_skin` at the size that masks are found at, bool (H, W) or None."""
    small = shrink(picture, segmentation.PLAIN_SIDE)
    garment = segmentation.without_skin(small, segmentation.resize_mask(mask, small.shape))
    return None if garment is None else segmentation.resize_mask(garment, mask.shape) & mask


_GROUND_WORDS = {
    "alpha": "The picture's own transparency tells object and background apart.",
    "plain": "The background is plain: what differs from it is the object.",
    "cluttered": "The object is cut out of what is around it.",
    "keep": "The background stays.",
}


def separate(
    picture: np.ndarray, alpha: np.ndarray | None, choices: Choices
) -> tuple[Background, np.ndarray]:
    """How the background is taken away, and the object's mask, bool (H, W), never empty.

    Args:
        picture: uint8 (H, W, 3).
        alpha: what is opaque, bool (H, W); None without transparency.
        choices: ground and box are heeded; a way that finds nothing becomes ``keep``.

    Raises:
        PictureError: when there is nothing but the ground.
    """
    ways: tuple[Background, ...] = (choices.background,)
    if choices.background == "auto":
        ways = ("alpha", "plain", "cluttered")
    window = pixel_box(choices.box or (0.0, 0.0, 1.0, 1.0), picture.shape)
    for way in ways:
        mask = find_object(picture, alpha, way, choices)
        if mask is not None:
            mask = inside_only(mask, window)
            if mask.any():
                return way, mask
    return "keep", inside_only(np.ones(picture.shape[:2], bool), window)


def find_object(
    picture: np.ndarray, alpha: np.ndarray | None, way: Background, choices: Choices
) -> np.ndarray | None:
    """The object's mask by one way, bool (H, W); None where the way does not suit the picture."""
    by_hand = choices.background == way
    if way == "alpha":
        return alpha
    if way == "plain":
        small = shrink(picture, segmentation.PLAIN_SIDE)
        ground = segmentation.find_ground(small)
        if not (ground.plain or by_hand):
            return None
        mask = segmentation.plain_mask(small, ground)
        if not (mask.any() or by_hand):
            raise ImageError(_NOTHING)
        suits = mask.mean() < 0.95
    elif way == "cluttered":
        mask = segmentation.cut_out(shrink(picture, segmentation.CUT_SIDE), choices.box)
        suits = not segmentation.absurd(mask)
    else:
        return None
    return segmentation.resize_mask(mask, picture.shape) if suits or by_hand else None


def tone(light: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The object's greys from 0…255 to `DIMMEST`…255, the ground black; uint8 (H, W)."""
    lifted = DIMMEST + light.astype(np.float32) * ((255 - DIMMEST) / 255)
    return np.where(mask, np.rint(lifted), 0).astype(np.uint8)


def fit(trimmed: np.ndarray) -> np.ndarray:
    """Scale so that the longest side is 28, sharpen, centre on 28×28 zeros, uint8."""
    height, width = trimmed.shape
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(trimmed, size, interpolation=how).astype(np.float32)
    blurred = cv2.GaussianBlur(scaled, (0, 0), 1)
    sharp = np.rint((scaled + 0.5 * (scaled - blurred)).clip(0, 255)).astype(np.uint8)
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    pixels[top : top + size[1], left : left + size[0]] = sharp
    return pixels


def around(light: np.ndarray, box: Box) -> np.ndarray:
    """The object with the ground around it, uint8 (28, 28): a square about a box of shares.

    Beyond the picture its edge goes on.
    """
    rows, columns = pixel_box(box, light.shape)
    side = FRAME * max(rows.stop - rows.start, columns.stop - columns.start)
    scale = SIDE / side
    y, x = (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2
    move = np.array([[scale, 0, SIDE / 2 - x * scale], [0, scale, SIDE / 2 - y * scale]])
    move[:, 2] += (scale - 1) / 2  # pixels are counted from their centres
    soft = cv2.GaussianBlur(light, (0, 0), max(0.4 / scale, 0.1))  # no moiré when scaled down
    return cv2.warpAffine(soft, move, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)


# ------------------------------------------------------------------ what is decided


def read_kind(picture: np.ndarray, wanted: Kind = "auto") -> tuple[Kind, np.ndarray]:
    """``dataset``, ``sketch`` or ``photo``, and the picture, for a sketch without its table.

    A grey 28×28 picture is one of the data set's kind; for drawings see `paper.is_drawing`.

    Args:
        picture: uint8 (H, W, 3), as it came.
        wanted: what was chosen by hand; ``auto`` decides.
    """
    if wanted in ("dataset", "photo"):
        return wanted, picture
    small = picture.shape[:2] == (SIDE, SIDE)
    if wanted == "auto" and small and (highest(picture) - lowest(picture)).max() <= 8:
        return "dataset", picture
    if paper.is_drawing(to_gray(picture)):
        return "sketch", picture
    sheet = paper.only_sheet(picture)
    if sheet is not None and paper.is_drawing(paper.lit_evenly(sheet), tolerance=1):
        return "sketch", sheet
    return ("photo" if wanted == "auto" else wanted), picture


def detect_polarity(grey: np.ndarray, mask: np.ndarray | None = None) -> Polarity:
    """``invert`` where the object is darker than the ground, else ``keep``.

    A clearly light or dark border decides alone. On a middle grey the object's mask tells, and
    without one the object is taken to lie where most of the difference from the ground is.

    Args:
        grey: uint8 (H, W).
        mask: bool (H, W), True on the object, if known.
    """
    ground = ground_level(grey)
    if clear := polarity_of_ground(ground):
        return clear
    if mask is not None and mask.any() and not mask.all():
        return "invert" if grey[mask].mean() < grey[~mask].mean() else "keep"
    difference = grey.astype(np.int64) - ground
    return "invert" if -difference[difference < 0].sum() > difference.clip(0).sum() else "keep"


def polarity_of_ground(ground: int) -> Polarity | None:
    """What a clearly light or dark ground (0 to 255) alone decides; None on a middle grey."""
    if 85 <= ground <= 170:
        return None
    return "invert" if ground > 127 else "keep"


def ground_level(grey: np.ndarray) -> int:
    """Grey level of the ground, 0 to 255: the median along the border."""
    return int(np.median(grey[segmentation.rim(grey.shape, 0.02)]))


def _polarity_words(choices: Choices, polarity: Polarity) -> str:
    if choices.polarity == "keep":
        return "Left as it is: light on dark."
    if choices.polarity == "invert":
        return "Light and dark are swapped, as you chose."
    if polarity == "invert":
        return "The ground is lighter, so light and dark are swapped."
    return "The ground is darker already, so it stays as it is."


# ------------------------------------------------------------------ boxes and small things
