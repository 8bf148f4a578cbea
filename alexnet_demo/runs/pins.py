"""Pictures pinned to a run: what the network says of them is recorded as it learns.

A run's pins lie in its ``pins.json``; those that the next run begins with on the board,
``.pins.json`` beside the runs. Imports no torch.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from alexnet_demo.common.errors import ImageError
from alexnet_demo.common.files import read_json, write_json
from alexnet_demo.data.fashion_mnist import first_of_each_class
from alexnet_demo.settings import paths
from alexnet_demo.settings.article import CLASSES, IMAGE_SIZE

MAX_PINS = 16
MAX_NAME = 40
UNREADABLE = (
    *(KeyError, TypeError, AttributeError, ValueError, OSError, SyntaxError),
    Image.DecompressionBombError,
)
"""What Pillow and the standard library raise where something is no picture."""


@dataclass(frozen=True, eq=False)
class Pin:
    """A picture as the network sees it, before it is enlarged.

    Attributes:
        name: what the reader calls it.
        pixels: uint8 (side, side), 0 background to 255.
        label: its class where that is known, 0 to 9.
    """

    name: str
    pixels: np.ndarray
    label: int | None = None

    @cached_property
    def id(self) -> str:
        """From the pixels alone, so that no picture is pinned twice."""
        return hashlib.blake2b(self.pixels.tobytes(), digest_size=6).hexdigest()

    @cached_property
    def png(self) -> str:
        """The picture as a PNG file, in base64."""
        file = io.BytesIO()
        Image.fromarray(self.pixels).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "label": self.label, "png": self.png}

    @classmethod
    def from_json(cls, record: Any) -> Pin:
        """Read what `to_json` wrote.

        Raises:
            ImageError: when it is anything else.
        """
        try:
            with Image.open(io.BytesIO(base64.b64decode(record["png"])), formats=["PNG"]) as image:
                width, height = image.size
                if width != height or width > IMAGE_SIZE:
                    raise ImageError(f"Pinned images are squares of at most {IMAGE_SIZE} pixels.")
                pixels = np.asarray(image.convert("L"))
            label = record.get("label")
            known = isinstance(label, int) and 0 <= label < len(CLASSES)
            return cls(str(record["name"])[:MAX_NAME], pixels, label if known else None)
        except ImageError:
            raise
        except UNREADABLE as error:
            raise ImageError("A pinned picture cannot be read.") from error


def board_path() -> Path:
    """Where the pins of the next run lie."""
    return paths.RUNS_DIR / ".pins.json"


def read(path: Path) -> tuple[Pin, ...]:
    """The pins of a file; one that cannot be read is passed over."""
    records = read_json(path).get("pins")
    found: dict[str, Pin] = {}
    for record in records if isinstance(records, list) else []:
        try:
            pin = Pin.from_json(record)
        except ImageError:
            continue
        found.setdefault(pin.id, pin)
    return tuple(found.values())[:MAX_PINS]


def write(path: Path, pins: Sequence[Pin]) -> None:
    """Write pins as a file.

    Raises:
        OSError: when the disk does not take it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"pins": [pin.to_json() for pin in pins]})


def for_next_run() -> tuple[Pin, ...]:
    """What lies on the board; before anything was put there, `defaults` pins."""
    return read(board_path()) if board_path().is_file() else defaults()


def defaults() -> tuple[Pin, ...]:
    """One test picture of each class."""
    return tuple(
        Pin(f"Test picture {sample.number}", sample.pixels, sample.label)
        for sample in first_of_each_class()
    )
