"""TODO docstring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from PIL import Image

from alexnet_demo.images.boxes import Box
from alexnet_demo.settings.article import IMAGE_SIZE

Kind = Literal["auto", "sketch", "photo", "dataset"]


Polarity = Literal["auto", "keep", "invert"]


Background = Literal["auto", "alpha", "plain", "cluttered", "keep"]


KINDS, POLARITIES, BACKGROUNDS = get_args(Kind), get_args(Polarity), get_args(Background)


SIDE = 28  # of a Fashion-MNIST picture, pixels


@dataclass(frozen=True)
class Choices:
    """What may be decided by hand; ``auto`` and None leave it to the program.

    Attributes:
        kind: ``sketch`` for line drawings; ``photo`` for anything with surfaces; ``dataset`` is
            taken as it is but for polarity.
        polarity: ``keep`` where the object is lighter than its ground; ``invert`` swaps light
            and dark.
        background: how the background is taken away: by the picture's transparency (``alpha``), as
            one ``plain`` surface, cut out of a ``cluttered`` one, or not at all (``keep``).
        box: the part to look at: left, top, right, bottom as shares of the upright picture.
    """

    kind: Kind = "auto"
    polarity: Polarity = "auto"
    background: Background = "auto"
    box: Box | None = None

    def __post_init__(self) -> None:
        if (
            self.kind not in KINDS
            or self.polarity not in POLARITIES
            or self.background not in BACKGROUNDS
        ):
            raise ValueError(
                f"Unknown kind {self.kind!r}, polarity {self.polarity!r}, or background "
                f"{self.background!r}."
            )
        if self.box is not None:
            left, top, right, bottom = self.box
            if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                raise ValueError(f"The box {self.box} is not left < right, top < bottom in 0 to 1.")


AUTOMATIC = Choices()
"""Nothing is decided by hand."""


@dataclass(frozen=True)
class Step:
    """One thing that was done to a picture, and the picture before and after it (RGB or L)."""

    name: str
    explanation: str
    before: Image.Image
    image: Image.Image


@dataclass(frozen=True)
class PreparedImage:
    """A picture made ready, and how.

    Attributes:
        steps: from the picture as it came to the network's input, in order.
        views: uint8 squares, 0 background to 255: (28, 28) of photos and the data set,
            square of `linework.SKETCH_SIDE` of drawings. The answer is their mean probability.
        choices: what was decided: no ``auto`` left, the box filled in.
    """

    steps: tuple[Step, ...]
    views: tuple[np.ndarray, ...]
    choices: Choices

    @property
    def kind(self) -> Kind:
        """``sketch``, ``photo`` or ``dataset``."""
        return self.choices.kind

    @property
    def polarity(self) -> Polarity:
        """``keep``, or ``invert`` where light and dark were swapped."""
        return self.choices.polarity

    @property
    def pixels(self) -> np.ndarray:
        """The first view."""
        return self.views[0]


class Album:
    """The steps taken so far; each begins with the picture that the one before ended with."""

    def __init__(self, first: Image.Image) -> None:
        self.first = first
        self.steps = [
            Step("Original", "The picture as it came, upright, transparency filled.", first, first)
        ]

    def add(
        self, name: str, explanation: str, after: np.ndarray, before: Image.Image | None = None
    ) -> None:
        """Note a step and its result, uint8 (H, W) or (H, W, 3)."""
        last = self.steps[-1].image if before is None else before
        self.steps.append(Step(name, explanation, last, Image.fromarray(after)))

    def close(self, views: list[np.ndarray], choices: Choices) -> PreparedImage:
        """Note the network's input, and hand everything over."""
        self.add("224 × 224", "Enlarged smoothly: the network's input.", input_pixels(views[0]))
        return PreparedImage(tuple(self.steps), tuple(views), choices)


def input_pixels(view: np.ndarray) -> np.ndarray:
    """What `to_input` makes of one view, to look at: uint8 (224, 224), within a grey level."""
    # Not by torch, which would begin threads of its own in every session's thread.
    size = (IMAGE_SIZE, IMAGE_SIZE)
    smooth = cv2.resize(view.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.rint(smooth).astype(np.uint8)
