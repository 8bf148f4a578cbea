"""What `prepare` takes and returns: choices made by hand, and an image with its views and steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from alexnet_demo.images.boxes import Box

Kind = Literal["auto", "sketch", "photo", "dataset"]
Polarity = Literal["auto", "keep", "invert"]
Background = Literal["auto", "alpha", "plain", "cluttered", "keep"]
SIDE = 28  # of a Fashion-MNIST image, pixels


@dataclass(frozen=True)
class Choices:
    """What may be decided by hand; ``auto`` and None leave the decision to the program.

    Attributes:
        kind: ``sketch`` for line drawings; ``photo`` for anything with surfaces; ``dataset`` for
            images like Fashion-MNIST's, of which only the polarity is changed.
        polarity: ``keep`` where the object is lighter than its background; ``invert`` swaps light
            and dark.
        background: how it is removed: by the image's own transparency (``alpha``), as one
            ``plain`` surface, by segmenting a ``cluttered`` scene, or not at all (``keep``).
        box: the crop, relative to the upright image.

    Raises:
        ValueError: for a value that is not among these, or a box that is empty or sticks out.
    """

    kind: Kind = "auto"
    polarity: Polarity = "auto"
    background: Background = "auto"
    box: Box | None = None

    def __post_init__(self) -> None:
        options = {"kind": Kind, "polarity": Polarity, "background": Background}
        for name, values in options.items():
            if getattr(self, name) not in get_args(values):
                raise ValueError(f"Unknown {name} {getattr(self, name)!r}.")
        if self.box is not None:
            left, top, right, bottom = self.box
            if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                raise ValueError(f"The box {self.box} is not left < right, top < bottom in 0 to 1.")


@dataclass(frozen=True)
class Step:
    """One step of the preparation, with the image before and after it (RGB or L)."""

    name: str
    explanation: str
    before: Image.Image
    image: Image.Image


@dataclass(frozen=True)
class PreparedImage:
    """An image ready for the network, and how it got there.

    Attributes:
        steps: from the original to the network's input, in order, then the second view, if any.
        views: uint8 squares, 0 background to 255: (28, 28) for photos and dataset images,
            (`redraw.SKETCH_SIDE`, `redraw.SKETCH_SIDE`) for drawings. The prediction is the mean
            of their class probabilities.
        choices: every decision: no ``auto`` left, and the box filled in.
    """

    steps: tuple[Step, ...]
    views: tuple[np.ndarray, ...]
    choices: Choices

    @property
    def kind(self) -> Kind:
        """``sketch``, ``photo`` or ``dataset``."""
        return self.choices.kind
