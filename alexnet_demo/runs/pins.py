"""Pinned images: each run records its predictions for them during training.

A run's pins are in its ``pins.json``, and those of the next run in ``runs/.pins.json``.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from alexnet_demo.common.errors import ImageError
from alexnet_demo.common.files import is_file, read_json, write_json
from alexnet_demo.data.fashion_mnist import first_of_each_class
from alexnet_demo.images.decode import open_image
from alexnet_demo.images.encode import png
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import CLASSES, IMAGE_SIZE

MAX_PINS = 16
MAX_NAME = 40  # characters


@dataclass(frozen=True, eq=False)
class Pin:
    """An image as the network's input, before it is enlarged.

    Attributes:
        name: shown to the user.
        pixels: uint8 (side, side), 0 is background.
        label: its class, 0 to 9, where that is known.
    """

    name: str
    pixels: np.ndarray
    label: int | None = None

    @cached_property
    def id(self) -> str:
        """A digest of the pixels, so that no image is pinned twice."""
        return hashlib.blake2b(self.pixels.tobytes(), digest_size=6).hexdigest()

    @cached_property
    def png(self) -> str:
        """The image as a PNG file, in base64."""
        return base64.b64encode(png(Image.fromarray(self.pixels))).decode()

    def to_json(self) -> dict[str, Any]:
        """The record of ``pins.json``."""
        return {"name": self.name, "label": self.label, "png": self.png}

    @classmethod
    def from_json(cls, record: Any) -> Pin:
        """Read what `to_json` wrote.

        Raises:
            ImageError: when the record is not a pin, or its image not a small square.
        """
        try:
            name, label = str(record["name"])[:MAX_NAME], record.get("label")
            data = base64.b64decode(record["png"])
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
            raise ImageError("This pin cannot be read.") from error
        image = open_image(data)
        if image.width != image.height or image.width > IMAGE_SIZE:
            raise ImageError(f"A pin is a square of at most {IMAGE_SIZE} pixels.")
        known = isinstance(label, int) and 0 <= label < len(CLASSES)
        return cls(name, np.asarray(image.convert("L")), label if known else None)


def board_path() -> Path:
    """The file with the pins of the next run."""
    return paths.RUNS_DIR / ".pins.json"


def read(path: Path) -> tuple[Pin, ...]:
    """The pins of a file; skips those that cannot be read."""
    records = read_json(path).get("pins")
    pins: dict[str, Pin] = {}
    for record in records if isinstance(records, list) else []:
        try:
            pin = Pin.from_json(record)
        except ImageError:
            continue
        pins.setdefault(pin.id, pin)
    return tuple(pins.values())[:MAX_PINS]


def write(path: Path, pins: Sequence[Pin]) -> None:
    """Write pins to a file.

    Raises:
        OSError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"pins": [pin.to_json() for pin in pins]})


def for_next_run() -> tuple[Pin, ...]:
    """The pins of the next run; the `defaults` before any change."""
    return read(board_path()) if is_file(board_path()) else defaults()


def defaults() -> tuple[Pin, ...]:
    """One test image of each class."""
    return tuple(
        Pin(f"Test image {sample.number}", sample.pixels, sample.label)
        for sample in first_of_each_class()
    )
